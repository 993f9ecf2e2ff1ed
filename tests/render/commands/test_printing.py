"""Printed commands: short names, bearable lines, and the same meaning."""

import re
import subprocess

import pytest

from scaling_guide.render.commands import Printer, phase_commands, render, targets
from scaling_guide.render.commands.folding import WIDTH, folded
from scaling_guide.render.commands.printing import LONGEST
from tests.render.commands.conftest import GUIDE, PHASES, of


def joined(text: str) -> str:
    """A command on one line, as bash reads it where a line ends in a backslash or within SQL and awk."""
    return re.sub(r"\s+", " ", text.replace("'\\\n'", "").replace("\\\n", " ")).strip()


def commands(environment: str, runbook: str) -> list[str]:
    found = of(environment, runbook)
    texts = [
        text for phase in PHASES for each in phase_commands(found, phase) for text in (each.run, each.wait)
    ]
    texts += [render(look.run, found, at) for look in found.runbook.confirm for at in targets(look, found)]
    return [text for text in texts if text]


@pytest.mark.parametrize("runbook", GUIDE.runbooks)
@pytest.mark.parametrize("environment", GUIDE.environments)
def test_a_printed_command_is_short_and_reads_the_same(environment: str, runbook: str) -> None:
    printer = Printer(of(environment, runbook))
    for text in commands(environment, runbook):
        printed = printer.text(text)
        assert max(map(len, printed.splitlines())) <= LONGEST
        expanded = printer.runnable(printed)
        for client, name in printer.clients.items():
            text = re.sub(rf"(?<!timeout 60 )(?<!env ){re.escape(client)}(?=[\s)]|$)", name, text)
        assert joined(printed) == joined(text)
        read = subprocess.run(["bash", "-n", "-c", expanded], capture_output=True, text=True)
        assert read.returncode == 0, f"{read.stderr}\n{expanded}"


LONG = "x" * 40


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (f"cat {LONG} | sort {LONG} | uniq {LONG}", f"cat {LONG} | sort {LONG} |\n  uniq {LONG}"),
        (f"echo {LONG} && echo {LONG} && true", f"echo {LONG} && echo {LONG} &&\n  true"),
        (f'psql -c "select {LONG}, {LONG} from {LONG}"', f'psql -c "select {LONG}, {LONG}\n  from {LONG}"'),
        (f"curl --header {LONG} --data {LONG} {LONG}", f"curl --header {LONG} \\\n  --data {LONG} {LONG}"),
    ],
    ids=["after a pipe", "after and", "before a clause of SQL", "before an option"],
)
def test_a_line_is_broken_where_it_reads_best(text: str, printed: str) -> None:
    assert folded(text) == printed


@pytest.mark.parametrize(
    "text",
    [
        f"printf '%s\\n' \"a {LONG} b {LONG} c {LONG} d {LONG} e\"",
        f"printf '%s\\n' 'a {LONG},b {LONG},c {LONG}&d {LONG} e'",
        f'awk \'BEGIN {{print "{LONG}", "{LONG}"; x = 1; if (x == 1 && x < 2) print "{LONG}"}}\'',
        f'for n in 1 2; do echo {LONG} $n {LONG}; echo {LONG}; done; test -n "$(echo {LONG})"',
        f"cat <<'end' | grep -e {LONG} -e {LONG} -e {LONG}\n{LONG} {LONG}\nend\necho {LONG} {LONG} {LONG}",
    ],
    ids=["double quotes", "single quotes", "awk", "loops", "here-documents"],
)
def test_a_broken_line_does_the_same(text: str) -> None:
    printed = folded(text)
    assert printed != text
    said = [
        subprocess.run(["bash", "-c", each], capture_output=True, text=True).stdout
        for each in (text, printed)
    ]
    assert said[0] == said[1] != ""


def test_a_short_command_stays_as_it_is() -> None:
    assert folded("x" * WIDTH) == "x" * WIDTH
