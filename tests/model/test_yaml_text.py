"""YAML is read so that nothing is lost: places, duplicate keys, and values as they were written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scaling_guide.model.yaml_text import DEEPEST, Document, read

Read = Callable[[str | bytes], Document]


@pytest.fixture
def parse(tmp_path: Path) -> Read:
    def write_and_read(text: str | bytes) -> Document:
        path = tmp_path / "file.yml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read(path)

    return write_and_read


def codes(document: Document) -> list[str]:
    return [problem.code for problem in document.problems]


def only(document: Document) -> tuple[str, int, int]:
    """Code, line and column of the only problem."""
    (problem,) = document.problems
    return problem.code, problem.at.line, problem.at.column


REINTERPRETED = [
    *["on", "no", "yes", "off", "y", "1:30", "0777", "0o17", "0x1F", "1e3", "1_000", ".5", "5.", "+5", "-0"],
    *[
        "007",
        "1.30",
        "2.10",
        "1.0.0",
        "NULL",
        "True",
        ".inf",
        ".nan",
        "=",
        "2026-11-24",
        "2026-11-24T10:00:00",
    ],
]


@pytest.mark.parametrize("written", REINTERPRETED)
def test_what_yaml_would_reinterpret_stays_as_written(parse: Read, written: str) -> None:
    assert parse(f"key: {written}").value == {"key": written}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[("5", 5), ("-5", -5), ("0", 0), ("2.5", 2.5), ("1.22", 1.22), ("true", True), ("false", False)],
        *[("null", None), ("~", None), ("", None), ("'5'", "5"), ('"true"', "true"), ("''", "")],
    ],
)
def test_plain_numbers_and_true_false_null_are_values(parse: Read, written: str, value: object) -> None:
    found = parse(f"key: {written}").value["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("digits", [17, 5000])
def test_a_number_too_long_for_a_float_stays_text(parse: Read, digits: int) -> None:
    assert parse("key: " + "9" * digits).value == {"key": "9" * digits}


def test_each_value_knows_its_place(parse: Read) -> None:
    document = parse("é: {b: 1,  c: [x, {d: y}]}\nf:\n  - g\n")
    assert {keys: (at.line, at.column) for keys, at in document.places.items()} == {
        (): (1, 1),
        ("é",): (1, 1),
        ("é", "b"): (1, 5),
        ("é", "c"): (1, 12),
        ("é", "c", 0): (1, 16),
        ("é", "c", 1): (1, 19),
        ("é", "c", 1, "d"): (1, 20),
        ("f",): (2, 1),
        ("f", 0): (3, 5),
    }


def test_what_stands_nowhere_is_placed_at_its_nearest_ancestor(parse: Read) -> None:
    document = parse("a:\n  b: 1\n")
    assert str(document.place(("a", "b", "c", 0))).endswith("file.yml:2:3")
    assert str(document.place(("z",))).endswith("file.yml:1:1")


def test_the_written_value_is_found_by_its_keys(parse: Read) -> None:
    document = parse("a: [1, {b: two}]\n")
    assert document.written(("a", 1, "b")) == "two"
    assert document.written(("a", 1, "c")) is None
    assert document.written(("a", 7)) is None
    assert document.written(("a", 0, "b")) is None


def test_a_duplicate_key_is_refused_at_its_second_place(parse: Read) -> None:
    assert only(parse("a: 1\nb:\n  c: 1\n  c: 2\n")) == ("DUPLICATE_KEY", 4, 3)


def test_keys_that_yaml_would_tell_apart_but_read_alike_are_duplicates(parse: Read) -> None:
    assert only(parse("1: a\n'1': b\n")) == ("DUPLICATE_KEY", 2, 1)


def test_a_merge_key_is_refused(parse: Read) -> None:
    assert "MERGE_KEY" in codes(parse("a: &a {b: 1}\nc: {<<: *a}\n"))


def test_an_alias_is_refused(parse: Read) -> None:
    assert only(parse("a: &a 1\nb: *a\n")) == ("ALIAS", 2, 4)


def test_an_anchor_that_nobody_refers_to_does_no_harm(parse: Read) -> None:
    assert parse("a: &a 1\n").value == {"a": 1}


def test_a_tag_is_refused(parse: Read) -> None:
    assert only(parse("a: !!python/name:os.system 1\n")) == ("YAML_TAG", 1, 4)
    assert only(parse("a: !!str 1\n")) == ("YAML_TAG", 1, 4)


@pytest.mark.parametrize("key", ["[a, b]", "{a: b}", "? - a\n"])
def test_a_key_that_is_no_text_is_refused_and_the_rest_read(parse: Read, key: str) -> None:
    document = parse(f"{key}: 1\nnext: 2\n")
    assert codes(document) == ["KEY_NOT_TEXT"]
    assert document.value == {"next": 2}


def test_a_second_document_is_refused(parse: Read) -> None:
    assert only(parse("a: 1\n---\nb: 2\n")) == ("SECOND_DOCUMENT", 2, 1)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_value_is_refused(parse: Read, text: str | bytes) -> None:
    assert codes(parse(text)) == ["EMPTY_FILE"]


def test_a_byte_order_mark_is_no_part_of_the_first_key(parse: Read) -> None:
    document = parse(b"\xef\xbb\xbfa: 1\n")
    assert document.value == {"a": 1}
    assert document.problems == ()


def test_bytes_that_are_not_utf8_are_refused_on_their_line(parse: Read) -> None:
    assert only(parse(b"a: 1\nb: gr\xfcn\n")) == ("NOT_UTF8", 2, 1)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a:\n\tb: 1\n", 2, 1),
        ("a: [1,\nb: 2\n", 3, 1),
        ("a: 'open\n", 2, 1),
        ("a: b: c\n", 1, 5),
        ("a: *nobody\n- b\n", 2, 1),
        ("é: 1\nb: \x01\n", 2, 4),
    ],
)
def test_broken_yaml_is_refused_at_its_place(parse: Read, text: str, line: int, column: int) -> None:
    document = parse(text)
    assert (document.problems[-1].code, document.problems[-1].at.line) == ("YAML_SYNTAX", line)
    assert document.problems[-1].at.column == column


def test_what_was_wrong_before_broken_yaml_is_reported_too(parse: Read) -> None:
    assert codes(parse("a: 1\na: 2\nb: [\n")) == ["DUPLICATE_KEY", "YAML_SYNTAX"]


BILLION_LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


BOMBS = {
    "brackets": "[" * 100_000,
    "closed brackets": "[" * 100_000 + "]" * 100_000,
    "braces": "{" * 100_000,
    "dashes": "- " * 100_000,
    "keys": "? " * 100_000,
    "billion laughs": BILLION_LAUGHS,
    "item of itself": "&a [*a, *a]",
    "key of itself": "&a {? *a : *a}",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_ends_in_a_problem(parse: Read, text: str) -> None:
    assert parse(text).problems


def test_nesting_is_read_down_to_the_limit(parse: Read) -> None:
    assert parse("[" * DEEPEST + "]" * DEEPEST).problems == ()
    assert only(parse("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))) == ("YAML_SYNTAX", 1, DEEPEST + 1)


def test_a_very_long_line_is_read(parse: Read) -> None:
    assert len(parse("a: " + "x" * 1_000_000).value["a"]) == 1_000_000


def test_a_folded_text_is_one_value(parse: Read) -> None:
    assert parse("a: >-\n  one\n  two\n").value == {"a": "one two"}
