from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from macros import proof
from tests.macros.conftest import Site
from tests.macros.small_guide import make_guide, make_mutant, write_proof


@pytest.fixture
def shown(site: Site, tmp_path: Path) -> Any:
    """The words of the report of a proof run."""

    def show(checks: dict[str, list[dict[str, Any]]], **changes: Any) -> str:
        write_proof(tmp_path / "build" / "proof" / "kill-matrix.json", checks, **changes)
        return BeautifulSoup(proof.report(site()), "html.parser").get_text(" ", strip=True)

    return show


def test_no_proof_run_is_unknown(site: Site) -> None:
    assert "nothing on this page is known yet" in proof.report(site())


def test_what_nothing_turned_red_is_named_first(shown: Any) -> None:
    checks = {
        "nginx-read-timeout@nginx": [make_mutant()],
        "nginx-worker-connections@nginx": [make_mutant(red=False)],
    }
    text = shown(checks)
    assert text.startswith(
        "Finished 24 Nov 2026, 06:00 UTC Mutants killed 1 of 2 Facts proven able to fail 1 of 4"
    )
    assert "Not proven able to fail: nginx-worker-connections , nginx-upstream-servers , app-ready ." in text


def test_a_mutant_shows_what_was_broken_and_what_the_check_said(shown: Any) -> None:
    text = shown({"nginx-read-timeout@nginx": [make_mutant(change="61s", found="nginx: is 61 s")]})
    assert "1 killed Configuration Nginx: Read timeout, on nginx 61s nginx: is 61 s" in " ".join(text.split())


def test_a_mutant_that_shared_configurations_says_so(shown: Any) -> None:
    text = shown({"nginx-read-timeout@nginx": [make_mutant(together=4, red=False)]})
    assert "is 512 Told from others in 4 configurations." in text


def test_a_run_says_whether_all_stood_alone(shown: Any) -> None:
    assert "tried several at a time, in configurations that tell each" in shown({})
    assert "Every mutant stood alone in its server" in shown({}, each=True)


def test_a_check_that_changed_its_mind_is_named(shown: Any) -> None:
    assert "Looked at again" not in shown({})
    assert "and was the second time: app-ready@app-1 ." in shown({}, unsteady=["app-ready@app-1"])


def test_a_mutant_that_lived_says_why(shown: Any) -> None:
    text = shown({"nginx-read-timeout@nginx": [make_mutant(landed=False, found="", reason="refused")]})
    assert "0 of 1 killed 512 did not land: refused The check said nothing." in text


def test_a_check_for_which_nothing_was_broken_is_kept(shown: Any) -> None:
    assert "Read timeout on nginx nothing was broken for it" in shown({"nginx-read-timeout@nginx": []})


def test_a_line_that_nobody_would_miss_is_named(shown: Any) -> None:
    line = {
        "target": "nginx",
        "system": "nginx",
        "file": "nginx.conf",
        "line": 7,
        "text": "x on;",
        "refused": False,
    }
    deletions = [
        {**line, "noticed_by": []},
        {**line, "noticed_by": ["a"]},
        {**line, "refused": True, "noticed_by": []},
    ]
    text = shown({}, deletions=deletions)
    assert "1 were noticed by a check, 1 by the server, which refused to run, and 1 by nobody:" in text
    assert "x on; nginx, nginx.conf line 7 not argued" in text


def test_a_line_that_may_go_unnoticed_says_why(site: Site, tmp_path: Path) -> None:
    line = {"target": "nginx", "system": "nginx", "file": "nginx.conf", "line": 7, "text": "x on;"}
    deletions = [{**line, "refused": False, "noticed_by": []}]
    write_proof(tmp_path / "build" / "proof" / "kill-matrix.json", {}, deletions=deletions)
    guide = make_guide(unnoticed=[{"system": "nginx", "line": "x ", "because": "It is the default."}])
    assert "It is the default." in proof.report(site(guide=guide))


def test_a_fault_shows_whether_a_check_claimed_to_know(shown: Any) -> None:
    seen = {"probes": ["http"], "seconds": 0.1}
    faults = [
        {"id": "stopped", "target": "nginx", "outcomes": {"unreachable": 3}, **seen},
        {"id": "lying", "target": "nginx", "outcomes": {"pass": 1}, **seen},
    ]
    text = shown({}, faults=faults)
    assert "stopped nginx 3 unreachable said that it could not look" in text
    assert "lying nginx 1 pass claimed to know" in text
