"""What the lab has shown of a row counts for as long as what decides the row is the same."""

from datetime import date
from pathlib import Path
from typing import Any

from scaling_guide.model.diagnoses import Proof, Proven, read, row_digest, write
from scaling_guide.model.runbooks import Runbook
from tests.verify.observations import guide

RUNBOOK = guide().runbooks["replica-lag"]
ROW = "paused"


def proven(**changes: Any) -> Proven:
    fields = {"digest": row_digest(RUNBOOK, ROW), "decided": ROW, "also": (), "words": "", "seconds": 1.0}
    return Proven("replica-lag", date(2026, 12, 1), {ROW: Proof(**{**fields, **changes})})


def changed(**fields: Any) -> Runbook:
    return RUNBOOK.model_copy(update=fields)


def test_a_row_that_decided_alone_is_proven() -> None:
    assert proven().holds(RUNBOOK, ROW)
    assert not proven(decided="held-up").holds(RUNBOOK, ROW)
    assert not proven(also=("held-up",)).holds(RUNBOOK, ROW)
    assert not proven().holds(RUNBOOK, "held-up")


def test_another_look_or_an_earlier_row_makes_the_proof_outdated() -> None:
    look, *others = RUNBOOK.confirm
    assert not proven().holds(changed(confirm=(look.model_copy(update={"run": "true"}), *others)), ROW)
    assert not proven().holds(changed(diagnose=RUNBOOK.diagnose[1:]), ROW)


def test_other_words_and_later_rows_do_not() -> None:
    reworded = tuple(row.model_copy(update={"do": "Do it."}) for row in RUNBOOK.diagnose)
    assert proven().holds(changed(diagnose=reworded), ROW)
    assert proven().holds(changed(diagnose=RUNBOOK.diagnose[:3]), ROW)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    write(tmp_path, proven())
    assert read(tmp_path, "replica-lag") == proven()
    assert read(tmp_path, "other") is None
