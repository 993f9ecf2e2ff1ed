"""Files that a server needs before it starts."""

from collections.abc import Mapping
from pathlib import Path

from scaling_guide.lab import ca


def write(directory: Path, texts: Mapping[str, str]) -> None:
    """Write each text to its relative file name under `directory`."""
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def place_certificate(path: Path, issued: ca.Issued, combined: bool = False) -> None:
    """Write a chain to `path`, and its key to the same name with the ending `.key`.

    `combined`, the key follows the chain in the one file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if combined:
        ca.write_secret(path, issued.chain + issued.key)
    else:
        path.write_bytes(issued.chain)
        ca.write_secret(path.with_suffix(".key"), issued.key)
