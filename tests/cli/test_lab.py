"""`guide lab` where there is no lab."""

import re
import subprocess

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab, LabError
from tests.cli.conftest import REPO, Guide
from tests.numbers import own_number


@pytest.fixture
def nowhere():
    """A lab that is down."""
    with own_number() as where:
        yield where


def test_the_status_of_a_lab_that_is_down_is_inconclusive(guide: Guide, nowhere: Lab) -> None:
    ended = guide("lab", "status", "--lab", str(nowhere.number))
    assert ended.code == 10
    assert ended.out == f"lab {nowhere.number} is down\n"


@pytest.mark.parametrize("tier", ["gigantic", "", "Medium"])
def test_a_tier_that_there_is_not_is_an_error_of_the_call(guide: Guide, nowhere: Lab, tier: str) -> None:
    ended = guide("lab", "up", "--tier", tier, "--lab", str(nowhere.number))
    assert ended.code == 4
    assert "'small', 'medium', 'large'" in re.sub(r"[\s│]+", " ", ended.err)
    assert "is down" in guide("lab", "status", "--lab", str(nowhere.number)).out


def test_a_server_s_own_words_are_told_as_they_are(
    guide: Guide, nowhere: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise LabError("nginx: [emerg] no [/] here", "nginx", ("[alert] one", "two [bold]"))

    monkeypatch.setattr(lifecycle, "command", refused)
    ended = guide("lab", "reload", "nginx", "--lab", str(nowhere.number))
    assert ended.code == 1
    assert ended.err.splitlines() == [
        "error: nginx: [emerg] no [/] here",
        "  nginx | [alert] one",
        "  nginx | two [bold]",
    ]


def test_nothing_to_stop_is_fine(guide: Guide, nowhere: Lab) -> None:
    assert guide("lab", "down", "--lab", str(nowhere.number)).code == 0


@pytest.mark.parametrize("order", ["restart", "stop", "start", "reload"])
def test_an_order_to_a_lab_that_is_down_says_how_to_start_it(guide: Guide, nowhere: Lab, order: str) -> None:
    ended = guide("lab", order, "nginx", "--lab", str(nowhere.number))
    assert ended.code == 1
    assert f"error: lab {nowhere.number} is down: start it with `guide lab up`" in ended.err
    assert "Traceback" not in ended.text


def test_nothing_is_proven_by_a_lab_that_is_down(guide: Guide, nowhere: Lab) -> None:
    ended = guide("lab", "mutate", "--lab", str(nowhere.number))
    assert ended.code == 10
    assert "the lab is not green to begin with" in ended.err
    assert "Traceback" not in ended.text


@pytest.mark.parametrize("written", ["many", "0", "255", "-1", ""])
@pytest.mark.parametrize("call", ["lab status", "lab up", "verify --env lab", "validate"])
def test_a_bad_number_in_sg_lab_is_an_error_of_the_call(
    guide: Guide, monkeypatch: pytest.MonkeyPatch, call: str, written: str
) -> None:
    monkeypatch.setenv("SG_LAB", written)
    ended = guide(*call.split())
    assert ended.code == 4
    assert f"`{written}` is no lab number: set SG_LAB to one from 1 to 254" in ended.err.replace("\n", " ")
    assert "Traceback" not in ended.text


@pytest.mark.parametrize("written", ["many", "0", "255"])
@pytest.mark.parametrize("call", ["lab status", "lab rehearse nothing", "verify --env lab", "bench"])
def test_a_bad_number_of_a_lab_is_an_error_of_the_call(guide: Guide, call: str, written: str) -> None:
    ended = guide(*call.split(), "--lab", written)
    assert ended.code == 4
    assert "Invalid value for '--lab'" in ended.err


def test_the_lab_of_the_tests_is_up(guide: Guide, live: Lab) -> None:
    ended = guide("lab", "status", "--lab", str(live.number))
    assert ended.code == 0
    for server in ("nginx", "haproxy", "app-1", "app-2", "app-3"):
        assert server in ended.out


def test_a_server_that_there_is_not_is_told(guide: Guide, live: Lab) -> None:
    ended = guide("lab", "restart", "no-such-server", "--lab", str(live.number))
    assert ended.code == 1
    assert "no-such-server" in ended.err


def test_the_authority_of_the_lab_issues_a_certificate(guide: Guide, live: Lab, tmp_path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "chain.key"
    ended = guide(
        "lab", "issue-certificate", "app.lab.test", "--chain", str(chain), "--key", str(key),
        "--lab", str(live.number),
    )  # fmt: skip
    assert ended.code == 0
    assert key.stat().st_mode & 0o777 == 0o600
    trusted = ["openssl", "verify", "-CAfile", str(live.directory("ca") / "ca.pem"), "-untrusted", str(chain)]
    subprocess.run([*trusted, str(chain)], check=True, capture_output=True, cwd=REPO, timeout=20)
