"""The client of the databases, and files: changed where it was asked for, and nowhere else."""

import subprocess
from pathlib import Path

import pytest

from scaling_guide.systems.sql import commands as sql
from tests.render.commands.conftest import Tools


@pytest.mark.parametrize(
    "query", ["select 'a' || \"b\"", "select $1", "select `x`", "select E'\\n!'", "it's"]
)
def test_a_query_reaches_the_client_as_it_was_written(query: str) -> None:
    said = subprocess.run(["bash", "-c", f"printf %s {sql.quoted(query)}"], capture_output=True, text=True)
    assert said.stdout == query


def test_a_query_without_dangerous_characters_is_easy_to_read() -> None:
    assert sql.quoted("select 'a'") == "\"select 'a'\""


@pytest.mark.parametrize(("answer", "code"), [("echo t", 0), ("echo f", 1), ("true", 1), ("exit 3", 1)])
def test_only_the_answer_true_is_true(tools: Tools, answer: str, code: int) -> None:
    tools.add("psql", answer)
    assert tools.run(sql.is_true("psql", "select true")) == code


FILE = "max_connections = 200\n#work_mem = 1MB\nwork_mem = 4MB\nmaintenance_work_mem = 1GB\n"


@pytest.mark.parametrize("value", ["8MB", "'/a path/with &'", r"'a\b'"])
def test_a_setting_is_changed_in_its_line_alone(tools: Tools, tmp_path: Path, value: str) -> None:
    config = tmp_path / "the config"
    config.write_text(FILE)
    assert tools.run(sql.write(str(config), "work_mem", value)) == 0
    assert config.read_text() == FILE.replace("\nwork_mem = 4MB", f"\nwork_mem = {value}")


def test_a_setting_that_has_no_line_is_not_taken_for_written(tools: Tools, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(FILE)
    assert tools.run(sql.write(str(config), "jit", "off")) != 0
    assert config.read_text() == FILE
