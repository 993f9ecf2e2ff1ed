"""The README's commands work, in the order of the page, in a checkout of the reader's own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from scaling_guide.model.outcome import ExitCode
from tests.numbers import own_number

REPO = Path(__file__).parents[1]
README = (REPO / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
# too long for a test; CI runs the first, and the others have tests of their own
SHOWN_ONLY = (
    *("make verify", "make test", "make serve"),
    *("guide lab mutate", "guide lab rehearse", "guide lab measure"),
)
# what a command must have said, where its exit code tells too little
SAID = {
    "guide validate": "data is consistent",
    "guide verify --env mine": " pass\n",
    "guide verify --env lab": "GO: every precondition holds",
    "guide lab status": "is up",
    "guide lab down": "lab stopped",
}
GENERATED = shutil.ignore_patterns(".*", "build", "site", "downloads", "__pycache__")


class Checkout:
    """A copy of this checkout, with a lab that is up, as `make verify` starts it."""

    def __init__(self, root: Path, lab: int) -> None:
        self.root = root
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
        self._environ = {**os.environ, "PYTHONPATH": str(root), "PATH": path, "SG_LAB": str(lab)}

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.root,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    def put_own_hosts_in(self, name: str) -> None:
        """Do with an environment what the README says: here the hosts are those of the lab."""
        environments = self.root / "data" / "environments"
        mine, ours = (yaml.safe_load((environments / f"{each}.yml").read_text()) for each in (name, "lab"))
        mine |= {key: ours[key] for key in ("site", "targets")}
        # PyYAML takes the key `on` of an attestation for a boolean
        mine.pop("attestations", None)
        (environments / f"{name}.yml").write_text(yaml.safe_dump(mine, sort_keys=False))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    root = tmp_path_factory.mktemp("readme") / "guide"
    shutil.copytree(REPO, root, ignore=GENERATED, symlinks=True)
    with own_number() as where:
        copy = Checkout(root, where.number)
        started = copy.run("guide lab up")
        assert started.returncode == 0, started.stdout
        yield copy


def test_every_command_works_in_the_order_of_the_page(checkout: Checkout) -> None:
    assert len(COMMANDS) > 10
    for command in COMMANDS:
        if command.startswith(SHOWN_ONLY):
            continue
        done = checkout.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        for said in (words for beginning, words in SAID.items() if command.startswith(beginning)):
            assert said in done.stdout, f"{command}\n{done.stdout}"
        if command.startswith("cp data/environments/"):
            checkout.put_own_hosts_in(Path(command.split()[-1]).stem)


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_every_make_target_exists(command: str) -> None:
    target = command.split()[1]
    assert re.search(rf"^{target}:.*## ", (REPO / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_every_file_and_folder_that_it_names_exists() -> None:
    named = {
        path for path in re.findall(r"`([a-z_]+/[^`\s<>]*)`", README) if not re.search(r"\b[ST]\b", path)
    }
    built = {path for path in named if path.startswith(("build/", "site/"))}
    links = {path for path in re.findall(r"\]\(([^)]+)\)", README) if "://" not in path}
    missing = [path for path in sorted((named - built) | links) if not (REPO / path).exists()]
    assert missing == []


def test_the_exit_codes_are_those_of_the_program() -> None:
    paragraph = re.search(r"^Exit codes .*?^$", README, re.DOTALL | re.MULTILINE)
    assert paragraph
    sentence = " ".join(paragraph[0].split()).partition(": ")[2].partition(". ")[0]
    told = dict(part.split(" ", 1) for part in sentence.split(", "))
    codes = {name: code for name, code in vars(ExitCode).items() if name.isupper() and name != "INTERRUPTED"}
    assert {int(code) for code in told} == set(codes.values())
    for name, code in codes.items():
        assert name.lower().replace("_", " ") in told[str(code)]
