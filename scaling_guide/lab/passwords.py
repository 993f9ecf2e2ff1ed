"""Passwords of a lab: made once, each in a file for its owner alone, and never in a rendered one."""

import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from scaling_guide.lab.ca import write_secret
from scaling_guide.lab.layout import Lab

_HASH = re.compile(r"<sha256 ([a-z-]+)>")


def file(lab: Lab, name: str) -> Path:
    """The file with the password of that name, which is made where there is none."""
    directory = lab.root / "passwords"
    lab.claim()
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / name
    if not path.exists():
        write_secret(path, secrets.token_hex(32).encode())
    return path


def read(lab: Lab, name: str) -> str:
    return file(lab, name).read_text()


def filled(lab: Lab, texts: Mapping[str, str]) -> dict[str, str]:
    """The texts with each `<sha256 NAME>` replaced by the hash of that password.

    A hash of 256 bits by chance tells nobody the password, so it may stand in a file that others read.
    """

    def hashed(match: re.Match[str]) -> str:
        return sha256(read(lab, match[1]).encode()).hexdigest()

    return {name: _HASH.sub(hashed, text) for name, text in texts.items()}
