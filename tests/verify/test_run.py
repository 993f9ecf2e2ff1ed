"""A run: what is looked at, how often, and what it amounts to."""

from collections.abc import Sequence
from typing import Any

import pytest

from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import Run
from scaling_guide.probes.observation import Observation, Result
from scaling_guide.verify import run
from scaling_guide.verify.check import Check, judge
from scaling_guide.verify.run import Observations, judged_by, observe_for, verify
from tests.verify.records import make_fact

NEED = ("haproxy_config", "lb")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch):
    """What the next looks will see; the looks that were made so far."""
    looks: list[list[Any]] = []

    def sees(*results: Result) -> list[list[Any]]:
        coming = iter(results)

        def observe(environment: Any, wanted: Any) -> dict[Any, Result]:
            looks.append(list(wanted))
            return {need: next(coming) for need in looks[-1]}

        monkeypatch.setattr(run, "observe", observe)
        return looks

    return sees


def attempts(check: Check, environment: Any, first: Result, **options: Any) -> Sequence[Result]:
    return Observations(environment, {NEED: first}, **options).attempts(check)


def test_what_passes_is_looked_at_once(check, environment, found, later) -> None:
    looks = later()
    assert len(attempts(check, environment, found(2), retries=3)) == 1
    assert looks == []


def test_what_fails_is_looked_at_again_until_it_passes(check, environment, found, later) -> None:
    looks = later(found(1), found(2), found(2))
    assert len(attempts(check, environment, found(1), retries=5)) == 3
    assert looks == [[NEED], [NEED]]


def test_what_fails_every_time_is_looked_at_as_often_as_asked(check, environment, found, later) -> None:
    looks = later(found(1), found(1))
    assert len(attempts(check, environment, found(1), retries=2)) == 3
    assert looks == [[NEED], [NEED]]


def test_a_look_that_failed_is_tried_again_as_well(check, environment, found, failure, later) -> None:
    later(found(2))
    assert len(attempts(check, environment, failure("timeout"), retries=1)) == 2


def test_a_recording_is_never_retried(check, environment, found, later) -> None:
    looks = later(found(2))
    assert len(attempts(check, environment, found(1), retries=3, live=False)) == 1
    assert looks == []


def test_checks_of_one_source_share_their_retries(environment, found, later) -> None:
    looks = later(found(1))
    shared = Observations(environment, {NEED: found(1)}, retries=1)
    for name in ("one", "two", "three"):
        check = Check(make_fact(name), environment.targets["lb"], environment)
        assert len(shared.attempts(check)) == 2
    assert looks == [[NEED]]


def test_many_checks_of_one_source_need_one_look(environment, found, later) -> None:
    looks = later(found(2))
    checks = [
        Check(make_fact(f"fact-{number}"), environment.targets["lb"], environment) for number in range(30)
    ]
    assert list(observe_for(environment, checks)) == [NEED]
    assert looks == [[NEED]]


def test_without_pytest_the_same_checks_come_to_the_same(environment, found, later) -> None:
    later(found(1))
    lb = environment.targets["lb"]
    checks = [
        Check(make_fact("good", expect={"at_least": 1}), lb, environment),
        Check(make_fact("bad"), lb, environment),
    ]
    done = verify(environment, checks)
    assert [result.outcome for result in done.results] == [Outcome.PASS, Outcome.FAIL]
    assert (done.environment, done.tier, done.exit_code) == ("place", "medium", 1)
    assert done.counts == {"pass": 1, "fail": 1}


def test_a_run_of_nothing_is_not_green(environment) -> None:
    at = "2026-06-15T12:00:00Z"
    empty = Run(environment="place", tier="medium", started=at, finished=at, results=())
    assert (empty.exit_code, empty.counts) == (5, {})


def test_an_observation_is_shown_as_it_was_found(check, environment, later) -> None:
    seen = Observation(*NEED, "2.6.12", "2026-06-15T12:00:00.000Z", 0.5, {"backend app > retries": "3"})
    later(seen)
    row = verify(environment, [check]).document()["checks"][0]
    assert (row["found"], row["observed_at"], row["seconds"]) == ("3", "2026-06-15T12:00:00.000Z", 0.5)


# ------------------------------------------------------------------------------------------- what is kept


def test_no_more_is_kept_than_checks_are_judged_by(check, environment) -> None:
    values = {
        "backend app > retries": 3,
        "global > stats auth": "admin:correct-horse",
        "defaults > mode": "http",
    }
    seen = Observation(*NEED, "2.6.12", "2026-06-15T12:00:00.000Z", 0.5, values)
    kept = judged_by([check], {NEED: seen})[NEED]
    assert isinstance(kept, Observation)
    assert kept.values == {"backend app > retries": 3, "settings observed": 3}
    assert judge(check, [kept]) == judge(check, [seen])


def test_what_is_kept_of_servers_still_shows_which_lacks_a_setting(environment) -> None:
    lacking = Check(
        make_fact(setting="backend app > server * > weight"), environment.targets["lb"], environment
    )
    values = {"backend app > server a > weight": 5, "backend app > server b > address": "10.0.0.2"}
    seen = Observation(*NEED, "2.6.12", "2026-06-15T12:00:00.000Z", 0.5, values)
    kept = judged_by([lacking], {NEED: seen})[NEED]
    assert isinstance(kept, Observation)
    assert "10.0.0.2" not in kept.values.values()
    assert judge(lacking, [kept]) == judge(lacking, [seen])
    assert judge(lacking, [kept]).outcome is Outcome.FAIL
