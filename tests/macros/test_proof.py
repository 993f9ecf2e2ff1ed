from pathlib import Path

from bs4 import BeautifulSoup

from macros import proof
from tests.macros.conftest import Site
from tests.macros.small_guide import HELD, write_proof


def words(html: str) -> str:
    return BeautifulSoup(html, "html.parser").get_text(" ", strip=True)


def test_no_proof_run_is_unknown(site: Site) -> None:
    assert "nothing on this page is known yet" in proof.matrix(site())


def test_the_matrix_names_checks_that_nothing_turned_red(site: Site, tmp_path: Path) -> None:
    matrix = {
        "nginx-read-timeout": [{"id": "above", **HELD}],
        "nginx-worker-connections": [{"id": "b", **HELD, "red": False}],
    }
    write_proof(tmp_path / "build" / "proof" / "kill-matrix.json", matrix)
    shown = words(proof.matrix(site()))
    assert "Mutants killed 1 of 2" in shown
    assert f"Checks proven 1 of {len(site().guide.facts)}" in shown
    assert "Not proven able to fail: nginx-worker-connections , nginx-upstream-servers , app-ready ." in shown
