from pathlib import Path

from scaling_guide.lab import files


def test_files_are_written_below_the_directory(tmp_path: Path) -> None:
    files.write(tmp_path, {"nginx.conf": "one", "conf.d/app.conf": "two"})
    assert (tmp_path / "nginx.conf").read_text() == "one"
    assert (tmp_path / "conf.d" / "app.conf").read_text() == "two"
