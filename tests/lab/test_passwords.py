"""Passwords are made once, for their owner alone, and only their hashes reach a config file."""

import re
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from scaling_guide.lab import passwords
from scaling_guide.lab.layout import Lab


@pytest.fixture
def where(tmp_path: Path) -> Lab:
    return Lab(42, tmp_path / "lab")


def test_a_password_is_made_once_and_by_chance(where: Lab) -> None:
    made = passwords.read(where, "redis-app")
    assert re.fullmatch(r"[0-9a-f]{64}", made)
    assert passwords.read(where, "redis-app") == made
    assert passwords.read(where, "redis-operator") != made
    assert passwords.read(Lab(43, where.root.parent / "other"), "redis-app") != made


def test_a_password_is_for_its_owner_alone(where: Lab) -> None:
    file = passwords.file(where, "redis-app")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_password_that_is_there_is_kept(where: Lab) -> None:
    passwords.file(where, "redis-app").write_text("of an earlier start")
    assert passwords.read(where, "redis-app") == "of an earlier start"


def test_a_file_gets_the_hash_and_never_the_password(where: Lab) -> None:
    filled = passwords.filled(
        where,
        {
            "users.acl": "user app on #<sha256 redis-app> +@read\nuser operator #<sha256 redis-operator>\n",
            "redis.conf": "port 6379 # <sha256> and <md5 redis-app> are nothing of ours\n",
        },
    )
    app, operator = (passwords.read(where, name) for name in ("redis-app", "redis-operator"))
    assert filled == {
        "users.acl": f"user app on #{_hash(app)} +@read\nuser operator #{_hash(operator)}\n",
        "redis.conf": "port 6379 # <sha256> and <md5 redis-app> are nothing of ours\n",
    }
    assert app not in str(filled)


def _hash(password: str) -> str:
    return sha256(password.encode()).hexdigest()
