"""Memcached: a text protocol without users."""

from scaling_guide.model.environments import MemcachedTarget


def tell(target: MemcachedTarget, command: str) -> str:
    """One command, and its answer without carriage returns."""
    address = f"TCP:{target.address}:{target.port}"
    return f"printf '{command}\\r\\nquit\\r\\n' | socat -t 2 - {address} | tr -d '\\r'"
