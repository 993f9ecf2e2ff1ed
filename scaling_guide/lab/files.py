"""Files that a server needs before it starts."""

from collections.abc import Mapping
from pathlib import Path

from scaling_guide.lab import ca
from scaling_guide.lab.layout import Lab

CERTIFICATE_DAYS = 90


def write(directory: Path, texts: Mapping[str, str]) -> None:
    """Write each text to its relative file name under `directory`."""
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def install_certificate(
    lab: Lab, path: Path, site: str, days: int = CERTIFICATE_DAYS, combined: bool = False
) -> None:
    """Issue a certificate for `site` and put the chain in `path`.

    Its key goes to the same name with the ending `.key`, or, `combined`, after the chain as HAProxy reads it.
    """
    issued = ca.issue(ca.authority(lab.directory("ca")), site, days)
    place_certificate(path, issued, combined)


def place_certificate(path: Path, issued: ca.Issued, combined: bool = False) -> None:
    """Write a chain and its key where a server reads them. See `install_certificate`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if combined:
        ca.write_secret(path, issued.chain + issued.key)
    else:
        path.write_bytes(issued.chain)
        ca.write_secret(path.with_suffix(".key"), issued.key)
