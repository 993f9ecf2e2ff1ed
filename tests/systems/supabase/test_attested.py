"""What is attested holds from its first day to its last, and is never taken for an observation."""

import socket
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from scaling_guide.model.environments import Attestation, Environment
from scaling_guide.model.expectation import Expectation, Operator
from scaling_guide.model.load import examine
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.units import Unit
from scaling_guide.probes.observation import Unreachable, Unsupported
from scaling_guide.systems.supabase import attested
from scaling_guide.systems.supabase.target import SupabaseTarget
from scaling_guide.verify.check import checks_of
from scaling_guide.verify.run import verify
from tests.systems import servers

DATA = Path(__file__).parents[3] / "data"
TODAY = date.today()
DAY = timedelta(days=1)


def environment(
    project: SupabaseTarget, on: date, until: date, value: Any = "off", target: str = "supabase"
) -> Environment:
    given = Attestation(
        target=target, setting="spend cap", value=value, seen="dashboard", by="Ada", on=on, until=until
    )
    return servers.environment(supabase=project).model_copy(update={"attestations": (given,)})


@pytest.fixture
def project() -> Iterator[SupabaseTarget]:
    """Somebody who answers at the project's address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        yield SupabaseTarget(
            system="supabase", project="a" * 20, organization="example", address="127.0.0.1", http=port
        )


def look(known: Environment) -> dict[str, Any]:
    return dict(attested.probe(known, known.targets["supabase"], 1)[1])


@pytest.mark.parametrize("on", [TODAY, TODAY - DAY])
@pytest.mark.parametrize("until", [TODAY, TODAY + DAY])
def test_it_is_believed_from_its_day_to_its_last(project: SupabaseTarget, on: date, until: date) -> None:
    assert look(environment(project, on, until)) == {
        "attested > spend cap": "off",
        "attested > spend cap > by": f"Ada on {on}, until {until}",
    }


@pytest.mark.parametrize(
    ("on", "until", "found"),
    [
        (TODAY - 2 * DAY, TODAY - DAY, f"attested until {TODAY - DAY} only"),
        (TODAY + DAY, TODAY + 2 * DAY, f"attested from {TODAY + DAY} only"),
    ],
)
@pytest.mark.parametrize(
    "expectation",
    [
        Expectation(Operator.EQUALS, "off", Unit.BOOLEAN),
        Expectation(Operator.AT_MOST, "80%", Unit.RATIO),
        Expectation(Operator.ONE_OF, ["off", "on"]),
    ],
)
def test_out_of_date_it_meets_nothing(
    project: SupabaseTarget, on: date, until: date, found: str, expectation: Expectation
) -> None:
    values = look(environment(project, on, until))
    verdict = expectation.judge(values, "attested > spend cap")
    assert (verdict.met, verdict.found) == (False, found)


def test_where_nobody_attests_anything_nothing_is_claimed(project: SupabaseTarget) -> None:
    with pytest.raises(Unsupported, match="nobody attests anything of it"):
        look(environment(project, TODAY, TODAY, target="another"))


@pytest.mark.parametrize("until", [TODAY - DAY, TODAY + 367 * DAY])
def test_it_ends_within_a_year_of_its_day(project: SupabaseTarget, until: date) -> None:
    with pytest.raises(ValidationError, match="within a year"):
        environment(project, TODAY, until)


def test_a_report_names_who_says_so(project: SupabaseTarget) -> None:
    guide, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": "/repo", "user": "me"})
    assert guide is not None
    known = environment(project, TODAY, TODAY)
    (check,) = checks_of(known, guide.facts["supabase-spend-cap"])
    (row,) = verify(known, [check]).results
    assert row.outcome is Outcome.PASS
    assert row.message == f"attested > spend cap is off (attested by Ada on {TODAY}, until {TODAY})"
    assert row.safety == "read"


def test_a_project_that_does_not_answer_is_unreachable_whatever_is_said_of_it(
    project: SupabaseTarget,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    gone = project.model_copy(update={"http": port})
    with pytest.raises(Unreachable):
        look(environment(gone, TODAY, TODAY))
