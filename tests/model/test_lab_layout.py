"""A lab's number gives its addresses and its directory."""

import getpass
import os
from pathlib import Path

import pytest

from scaling_guide.model.lab_layout import SOCKET_LIMIT, NoSuchLab, layout


def test_a_lab_has_number_42_unless_told_otherwise() -> None:
    assert layout(environ={}).number == 42
    assert layout(environ={"SG_LAB": "7"}).number == 7
    assert layout(9, environ={"SG_LAB": "7"}).number == 9


def test_two_numbers_share_neither_address_nor_directory() -> None:
    assert layout(42).net == "127.42.0"
    assert layout(43).net == "127.43.0"
    assert layout(42).root != layout(43).root


@pytest.mark.parametrize("written", ["0", "255", "-1", "two", "4.2", ""])
def test_a_number_without_a_network_is_refused_with_the_repair(written: str) -> None:
    with pytest.raises(NoSuchLab, match=f"^`{written}` is no lab number: set SG_LAB to one from 1 to 254$"):
        layout(environ={"SG_LAB": written})


@pytest.mark.parametrize("number", [0, 255, -1])
def test_a_number_that_is_given_out_of_range_is_refused_whatever_sg_lab_says(number: int) -> None:
    with pytest.raises(NoSuchLab, match=f"^`{number}` is no lab number: use 1 to 254$"):
        layout(number, environ={"SG_LAB": "7"})


def test_the_directory_belongs_to_the_user_and_the_number() -> None:
    assert layout(42, environ={}).root == Path(f"/tmp/sg-lab-{os.getuid()}-42")


def test_the_runtime_directory_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert layout(42, environ={"XDG_RUNTIME_DIR": str(tmp_path)}).root.parent == Path("/tmp")


def test_the_runtime_directory_of_an_ordinary_user_is_used() -> None:
    runtime = Path(f"/tmp/sg-test-{os.getpid()}")
    runtime.mkdir()
    try:
        os.chown(runtime, os.getuid(), -1)
        owned = layout(42, environ={"XDG_RUNTIME_DIR": str(runtime)}).root.parent
        assert owned == (Path("/tmp") if os.getuid() == 0 else runtime)
    finally:
        runtime.rmdir()


def test_a_directory_too_long_for_a_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("d" * SOCKET_LIMIT)
    long.mkdir()
    monkeypatch.setattr("scaling_guide.model.lab_layout._base", lambda environ: long)
    with pytest.raises(NoSuchLab, match="too long"):
        layout(42)


def test_the_variables_of_the_environment_file_come_from_the_layout() -> None:
    where = layout(42)
    assert where.variables == {
        "net": "127.42.0",
        "root": str(where.root),
        "repo": str(where.repo),
        "user": getpass.getuser(),
    }
    assert (where.repo / "scaling_guide" / "lab").is_dir()
