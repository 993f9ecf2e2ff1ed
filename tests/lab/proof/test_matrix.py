"""The kill matrix: what counts as proven, and what keeps a proof from holding."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scaling_guide.lab.proof.matrix import Kill, Proof, complaints, judged
from scaling_guide.model.guide import Guide
from scaling_guide.model.kill_matrix import Deletion, Fault
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.topics import Unnoticed

FACT, OTHER = "haproxy-retries", "haproxy-maxconn"
CHECK = f"{FACT}@haproxy"


def kill(id: str = "retries = 0", **changes: Any) -> Kill:
    """A mutant that did what it should, unless `changes` say otherwise."""
    expected = frozenset({FACT})
    good = Kill(id, "haproxy", expected, landed=True, change="+retries 0", red=expected, restored=True)
    return replace(good, **changes)


def proof(*kills: Kill, **changes: Any) -> Proof:
    """A proof of one check, complete unless `changes` say otherwise."""
    whole = Proof((CHECK,), kills, (), (), "2026-06-15T12:00:00Z", "2026-06-15T12:01:00Z", 60.0, True)
    return replace(whole, **changes)


@pytest.fixture
def argued(guide: Guide) -> Callable[..., Guide]:
    """The guide with these arguments for lines that nobody notices."""

    def with_arguments(*arguments: Unnoticed) -> Guide:
        return guide.model_copy(update={"unnoticed": arguments})

    return with_arguments


# ------------------------------------------------------------------------------------------------- a mutant


def test_a_mutant_is_killed_when_exactly_its_checks_go_red_and_green_again() -> None:
    assert kill().killed


@pytest.mark.parametrize(
    "changes",
    [
        {"landed": False, "red": frozenset()},
        {"red": frozenset()},
        {"red": frozenset({FACT, OTHER})},
        {"red": frozenset({OTHER})},
        {"upset": frozenset({OTHER})},
        {"restored": False},
    ],
    ids=["did not land", "unnoticed", "too much", "another", "upset", "still red"],
)
def test_anything_else_is_a_survivor_and_proves_nothing(changes: dict[str, Any]) -> None:
    survivor = kill(**changes)
    assert not survivor.killed
    assert proof(survivor).survivors == (survivor,)
    assert proof(survivor).unproven == (CHECK,)


def test_one_killed_mutant_proves_its_check_and_no_other() -> None:
    of_two = proof(kill(), checks=(CHECK, f"{OTHER}@haproxy"))
    assert of_two.unproven == (f"{OTHER}@haproxy",)


def test_a_mutant_of_one_target_proves_nothing_about_another() -> None:
    checks = ("certificate-key@nginx", "certificate-key@haproxy")
    expected = frozenset({"certificate-key"})
    of_nginx = kill(target="nginx", expected=expected, red=expected)
    assert proof(of_nginx, checks=checks).unproven == ("certificate-key@haproxy",)


class Row:
    """As much of a result as a mutant is judged by."""

    def __init__(self, id: str, outcome: Outcome) -> None:
        self.id, self.outcome, self.message = id, outcome, f"{id} is {outcome}"


def test_what_the_checks_say_while_it_is_there_makes_it_red_or_upset() -> None:
    outcomes = {
        FACT: Outcome.FAIL,
        "drifted": Outcome.FAIL,
        "fine": Outcome.PASS,
        "too-new": Outcome.NOT_APPLICABLE,
        "waived": Outcome.WAIVED,
        "blind": Outcome.UNREACHABLE,
        "slow": Outcome.TIMEOUT,
        "broken": Outcome.ERROR,
    }
    rows: Any = [Row(id, outcome) for id, outcome in outcomes.items()]
    seen = judged(kill(red=frozenset()), rows)
    assert seen.red == {FACT, "drifted"}
    assert seen.upset == {"blind", "slow", "broken"}
    assert seen.found == f"{FACT} is fail"


# ------------------------------------------------------------------------------------------------ complaints


def test_a_whole_proof_has_no_complaint(argued: Callable[..., Guide]) -> None:
    assert complaints(proof(kill()), argued()) == []


def test_a_new_check_without_a_mutant_fails_the_proof(argued: Callable[..., Guide], guide: Guide) -> None:
    place = guide.facts[FACT].at
    repair = "render it in a template or name `mutations` that break it"
    assert complaints(proof(), argued()) == [f"{place} {CHECK}: no mutant; {repair}"]


def test_a_check_that_cannot_fail_fails_the_proof(argued: Callable[..., Guide], guide: Guide) -> None:
    told = complaints(proof(kill(red=frozenset())), argued())
    assert told == [
        f"{guide.facts[FACT].at} {CHECK}: no mutant turned it red; the check cannot fail or looks elsewhere",
        f"haproxy: `retries = 0` disturbed nothing, expected {FACT}; see `seen_by`",
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"landed": False, "reason": "refused"}, "haproxy: `second` did not land: refused"),
        ({"red": frozenset({FACT, OTHER})}, f"disturbed {OTHER}, {FACT}, expected {FACT}; see `seen_by`"),
        ({"upset": frozenset({OTHER})}, f"disturbed {OTHER}, {FACT}, expected {FACT}"),
        ({"restored": False}, "haproxy: `second` was still red after it was mended"),
    ],
    ids=["did not land", "too much", "upset", "still red"],
)
def test_a_survivor_fails_the_proof_though_the_check_is_proven(
    argued: Callable[..., Guide], changes: dict[str, Any], told: str
) -> None:
    of_two = proof(kill(), kill("second", **changes))
    assert of_two.unproven == ()
    lines = complaints(of_two, argued())
    assert len(lines) == 1
    assert told in lines[0]


@pytest.mark.parametrize(
    ("outcomes", "honest"),
    [
        ({"unreachable": 3}, True),
        ({"timeout": 1, "error": 2, "unsupported": 1}, True),
        ({"unreachable": 3, "pass": 1}, False),
        ({"unreachable": 3, "fail": 1}, False),
        ({}, False),
    ],
)
def test_a_fault_is_honest_when_nobody_claims_to_know(
    argued: Callable[..., Guide], outcomes: dict[str, int], honest: bool
) -> None:
    fault = Fault("closed at once", "nginx", ("http",), outcomes, 0.1)
    assert fault.honest is honest
    lines = complaints(proof(kill(), faults=(fault,)), argued())
    assert lines == ([] if honest else [f"nginx: closed at once: {outcomes}; a check claimed to know"])


LINE = Deletion("haproxy", "haproxy", "haproxy.cfg", 12, "option dontlognull", False, ())
ARGUMENT = Unnoticed.model_validate({"system": "haproxy", "line": "option dontlognull", "because": "why"})


def test_a_line_whose_loss_nobody_notices_fails_the_proof(argued: Callable[..., Guide]) -> None:
    lost = proof(kill(), deletions=(LINE,))
    assert complaints(lost, argued()) == [
        "haproxy: haproxy.cfg:12 `option dontlognull`: no check notices when it is gone; add one, or argue it"
    ]
    assert complaints(lost, argued(ARGUMENT)) == []


@pytest.mark.parametrize("changes", [{"refused": True}, {"noticed_by": (FACT,)}], ids=["refused", "noticed"])
def test_a_line_that_somebody_notices_is_fine_and_needs_no_argument(
    argued: Callable[..., Guide], changes: dict[str, Any]
) -> None:
    noticed = proof(kill(), deletions=(replace(LINE, **changes),))
    assert complaints(noticed, argued()) == []
    told = complaints(noticed, argued(ARGUMENT))
    assert told == [f"{ARGUMENT.at} `option dontlognull` is argued, and noticed or not there; drop the entry"]


def test_an_argument_counts_for_its_own_system_only(argued: Callable[..., Guide]) -> None:
    elsewhere = ARGUMENT.model_copy(update={"system": "nginx"})
    lines = complaints(proof(kill(), deletions=(LINE,)), argued(elsewhere))
    assert len(lines) == 2


def test_a_lab_that_is_not_green_in_the_end_fails_the_proof(argued: Callable[..., Guide]) -> None:
    assert complaints(proof(kill(), healthy=False), argued()) == ["the lab was not green after the proof"]


# -------------------------------------------------------------------------------------------------- document


def test_the_document_has_the_published_shape() -> None:
    fault = Fault("closed at once", "nginx", ("http",), {"error": 1}, 0.1)
    document = proof(kill(), kill("second", restored=False), deletions=(LINE,), faults=(fault,))
    document = json.loads(document.published.text())
    assert document["totals"] == {"checks": 1, "proven": 1, "mutants": 2, "killed": 1}
    assert [row["id"] for row in document["checks"]] == [CHECK]
    mutants = document["checks"][0]["mutants"]
    assert [(row["id"], row["only"], row["restored"]) for row in mutants] == [
        ("retries = 0", True, True),
        ("second", True, False),
    ]
    assert {"id", "landed", "red", "only", "restored", "seconds"} <= mutants[0].keys()
    assert document["faults"][0]["honest"] is True
