"""Each problem code names a directory below tests/fixtures/bad: data that has this problem and no other.

A comment `# here` marks the lines at which it must be reported.
"""

import re
from itertools import chain
from pathlib import Path

import pytest

import scaling_guide.model
from scaling_guide.model.rules import REFERENCE_CODES
from tests.model.conftest import BAD, GOOD, Tree, look

FIXTURES = sorted(path.name for path in BAD.iterdir())
# no operator is met by nothing, so no data brings this about: test_rules tries it on a judge that is wrong
WITHOUT_FIXTURE = {"GREEN_ON_NOTHING"}


def codes_in_the_source() -> set[str]:
    """What the code can report, and the code that the budget of the good tree brings along."""
    files = Path(scaling_guide.model.__file__).parent.rglob("*.py")
    texts = (file.read_text("utf-8") for file in files)
    source = "".join(text for text in texts if "model.problems" in text or "rules.rule" in text)
    return {*re.findall(r'"([A-Z][A-Z0-9_]{4,})"', source), "TIMEOUT_LADDER"}


def files_of(fixture: str) -> set[Path]:
    below = (path.relative_to(BAD / fixture) for path in (BAD / fixture).rglob("*") if path.is_file())
    return {path.with_suffix("") if path.suffix == ".gone" else path for path in below}


def marked(fixture: str) -> set[tuple[Path, int]]:
    """The lines that carry the mark; the first line of a file that was taken away."""
    places = set()
    for path in files_of(fixture):
        file = BAD / fixture / path
        lines = file.read_bytes().splitlines() if file.exists() else [b"# here"]
        places |= {(path, number) for number, line in enumerate(lines, 1) if line.endswith(b"# here")}
    return places


def test_every_code_has_a_fixture_and_every_fixture_a_code() -> None:
    assert set(FIXTURES) == codes_in_the_source() - WITHOUT_FIXTURE


def test_the_good_tree_has_no_problem(tree: Tree) -> None:
    assert look(tree())[1] == ()


@pytest.mark.parametrize("fixture", FIXTURES)
def test_a_fixture_has_its_problem_and_no_other_at_the_marked_place(tree: Tree, fixture: str) -> None:
    data = tree(fixture)
    problems = look(data)[1]
    assert {problem.code for problem in problems} == {fixture}, [str(problem) for problem in problems]
    assert {(problem.at.path.relative_to(data), problem.at.line) for problem in problems} == marked(fixture)
    for problem in problems:
        assert re.fullmatch(rf"\S+:\d+:[1-9]\d* {fixture} \S.+; \S.+", str(problem)), (
            "place CODE what; repair"
        )


def groups(fixtures: list[str]) -> list[list[str]]:
    """The fixtures in as few groups as there are rivals for one file; no two of a group touch the same."""
    found: list[list[str]] = []
    for fixture in fixtures:
        for group in found:
            if not files_of(fixture) & set(chain.from_iterable(map(files_of, group))):
                group.append(fixture)
                break
        else:
            found.append([fixture])
    return found


# names are resolved only where every file could be read, so problems of these two kinds never meet
TOGETHER = [
    *groups([name for name in FIXTURES if name not in REFERENCE_CODES]),
    *groups([name for name in FIXTURES if name in REFERENCE_CODES]),
]


@pytest.mark.parametrize("group", TOGETHER, ids=len)
def test_all_problems_are_reported_at_once(tree: Tree, group: list[str]) -> None:
    assert {problem.code for problem in look(tree(*group))[1]} >= set(group)


def test_fixtures_are_small() -> None:
    files = [path for path in chain(GOOD.rglob("*"), BAD.rglob("*")) if path.is_file()]
    assert max(len(path.read_bytes().splitlines()) for path in files) <= 60
