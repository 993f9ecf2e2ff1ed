"""`make check` compares with main, and runs what is near whole and what is far without labs."""

import subprocess
from pathlib import Path

import pytest

from tools.check import ALWAYS, HEAVY, changed, selections


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        subprocess.run(("git", "-C", str(tmp_path), *identity, *arguments), check=True, capture_output=True)

    def write(**files: str) -> None:
        for name, text in files.items():
            (tmp_path / name).write_text(text)

    git("init", "--initial-branch=main")
    write(kept="1", committed="1", edited="1", deleted="1", staged="1", ours="1")
    (tmp_path / ".gitignore").write_text("ignored")
    git("add", ".")
    git("commit", "--message=first")
    git("checkout", "-b", "branch")
    write(committed="2")
    git("commit", "--all", "--message=second")
    git("checkout", "main")
    write(ours="2")
    git("commit", "--all", "--message=of others")
    git("checkout", "branch")
    write(edited="2", staged="2", unknown="1", ignored="1")
    git("add", "staged")
    (tmp_path / "deleted").unlink()
    return tmp_path


def test_a_change_is_all_that_main_has_not(repository: Path) -> None:
    assert changed(repository, "main") == ["committed", "edited", "staged", "unknown"]


def test_a_branch_that_git_does_not_know_is_named(repository: Path) -> None:
    with pytest.raises(SystemExit, match=r"check: .*no-such-branch; name a branch with BASE="):
        changed(repository, "no-such-branch")


def test_the_nearest_run_whole_and_the_others_without_labs() -> None:
    near, far = selections({"tests/test_a.py": 0, "tests/test_b.py": 2})
    assert near == ("tests/test_a.py",)
    assert far == ("-m", f"not ({HEAVY})", "tests/test_b.py", *ALWAYS)


def test_with_nothing_changed_the_whole_house_is_still_held() -> None:
    assert selections({}) == [("-m", f"not ({HEAVY})", *ALWAYS)]
