"""Memcached: a text protocol without users."""

from typing import Any

from scaling_guide.render.commands.situation import Situation
from scaling_guide.systems.memcached.target import MemcachedTarget


def everywhere(found: Situation) -> dict[str, Any]:
    """The names that a template may use wherever its command is run."""
    return {"memcached": tell}


def tell(target: MemcachedTarget, command: str) -> str:
    """One command, and its answer without carriage returns."""
    address = f"TCP:{target.address}:{target.port}"
    return f"printf '{command}\\r\\nquit\\r\\n' | socat -t 2 - {address} | tr -d '\\r'"
