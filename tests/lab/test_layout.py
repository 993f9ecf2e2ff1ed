import getpass
import os
from pathlib import Path

import pytest

from scaling_guide.lab.layout import HAPROXY_SOCKET_LIMIT, Lab, LabError, lab


def test_a_lab_has_number_42_unless_told_otherwise() -> None:
    assert lab(environ={}).number == 42
    assert lab(environ={"SG_LAB": "7"}).number == 7
    assert lab(9, environ={"SG_LAB": "7"}).number == 9


def test_two_numbers_share_neither_address_nor_directory() -> None:
    assert lab(42).net == "127.42.0"
    assert lab(43).net == "127.43.0"
    assert lab(42).root != lab(43).root


@pytest.mark.parametrize("written", ["0", "255", "-1", "two", ""])
def test_a_number_without_a_network_is_refused(written: str) -> None:
    with pytest.raises(LabError, match="no lab number"):
        lab(environ={"SG_LAB": written})


def test_the_directory_belongs_to_the_user_and_the_number() -> None:
    assert lab(42, environ={}).root == Path(f"/tmp/sg-lab-{os.getuid()}-42")


def test_the_runtime_directory_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert lab(42, environ={"XDG_RUNTIME_DIR": str(tmp_path)}).root.parent == Path("/tmp")


def test_the_runtime_directory_of_an_ordinary_user_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Path(f"/tmp/sg-test-{os.getpid()}")
    runtime.mkdir()
    try:
        os.chown(runtime, os.getuid(), -1)
        owned = lab(42, environ={"XDG_RUNTIME_DIR": str(runtime)}).root.parent
        assert owned == (Path("/tmp") if os.getuid() == 0 else runtime)
    finally:
        runtime.rmdir()


def test_a_directory_too_long_for_a_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("d" * HAPROXY_SOCKET_LIMIT)
    long.mkdir()
    monkeypatch.setattr("scaling_guide.lab.layout._base", lambda environ: long)
    with pytest.raises(LabError, match="too long"):
        lab(42)


def test_the_variables_of_the_environment_file_come_from_the_layout() -> None:
    where = lab(42)
    assert where.variables == {
        "net": "127.42.0",
        "root": str(where.root),
        "repo": str(where.repo),
        "user": getpass.getuser(),
    }
    assert (where.repo / "scaling_guide" / "lab").is_dir()


def test_a_claimed_directory_can_be_walked_through_but_not_listed_by_others(tmp_path: Path) -> None:
    where = Lab(42, tmp_path / "lab")
    where.claim()
    where.claim()
    assert where.root.stat().st_mode & 0o777 == 0o711
    assert where.log("nginx").parent.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_another_user_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = Lab(42, tmp_path / "lab")
    where.claim()
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(LabError, match="not this user's"):
        where.claim()


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lab").symlink_to(tmp_path)
    with pytest.raises(LabError, match="not this user's"):
        Lab(42, tmp_path / "lab").claim()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match=r"file/lab cannot be used: Not a directory"):
        Lab(42, tmp_path / "file" / "lab").claim()
