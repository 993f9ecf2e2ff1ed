from pathlib import Path

import psutil

from scaling_guide.lab.ledger import Ledger


def test_instances_see_what_the_others_executed(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path / "orders"), Ledger(tmp_path / "orders")
    first.add("a", "app-1")
    second.add("b", "app-2")
    second.add("a", "app-2")
    assert first.executions() == {"a": ["app-1", "app-2"], "b": ["app-2"]}


def test_a_ledger_outlives_its_instance(tmp_path: Path) -> None:
    Ledger(tmp_path / "orders").add("a", "app-1")
    assert Ledger(tmp_path / "orders").executions() == {"a": ["app-1"]}


def test_any_name_is_kept_as_it_is(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "orders")
    ledger.add('two\nlines "quoted"', "app-1")
    assert list(ledger.executions()) == ['two\nlines "quoted"']


def test_a_ledger_keeps_no_file_open(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "orders")
    ledger.add("a", "app-1")
    ledger.executions()
    assert str(tmp_path / "orders") not in {file.path for file in psutil.Process().open_files()}


def test_only_its_user_reads_a_ledger(tmp_path: Path) -> None:
    Ledger(tmp_path / "orders")
    assert (tmp_path / "orders").stat().st_mode & 0o777 == 0o600
