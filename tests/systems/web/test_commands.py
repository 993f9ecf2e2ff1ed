"""Certificates: a faulty one is not good, and nothing is not served."""

from pathlib import Path

import pytest

from scaling_guide.lab import ca
from scaling_guide.lab.files import place_certificate
from scaling_guide.model.environments import Environment
from tests.render.commands.conftest import GUIDE, Shell, Tools


@pytest.fixture
def authority(tmp_path: Path) -> ca.Authority:
    return ca.authority(tmp_path / "ca")


def put(tmp_path: Path, issued: ca.Issued, key: bytes | None = None) -> None:
    (tmp_path / "site.pem.new").write_bytes(issued.chain)
    (tmp_path / "site.pem.new.key").write_bytes(key or issued.key)


def test_a_good_certificate_is_good(
    tools: Tools, here: Environment, shell: Shell, tmp_path: Path, authority: ca.Authority
) -> None:
    put(tmp_path, ca.issue(authority, here.site, 90))
    assert tools.run(shell("{{ certificate_good }}", "nginx")) == 0


@pytest.mark.parametrize("fault", ["short", "another name", "no intermediate", "another key", "no file"])
def test_a_certificate_with_a_fault_is_not_good(
    tools: Tools, here: Environment, shell: Shell, tmp_path: Path, authority: ca.Authority, fault: str
) -> None:
    days = GUIDE.facts["certificate-days-left"].value(here.tier) - 1 if fault == "short" else 90
    name = "other.example.com" if fault == "another name" else here.site
    issued = ca.issue(authority, name, days, intermediate=fault != "no intermediate")
    if fault != "no file":
        put(tmp_path, issued, ca.issue(authority, name, days).key if fault == "another key" else None)
    assert tools.run(shell("{{ certificate_good }}", "nginx")) != 0


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_server_that_does_not_answer_does_not_serve_the_certificate(
    tools: Tools, here: Environment, shell: Shell, tmp_path: Path, authority: ca.Authority, on_disk: bool
) -> None:
    """Not even where the file is missing too: nothing is not equal to nothing."""
    if on_disk:
        place_certificate(tmp_path / "site.pem", ca.issue(authority, here.site, 90))
    assert tools.run(shell("{{ certificate_is_served }}", "nginx")) != 0
