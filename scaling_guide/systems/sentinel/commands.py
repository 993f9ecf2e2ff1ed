"""The client of a Sentinel, which is that of Redis."""

from scaling_guide.systems.redis.commands import as_checker, as_operator

__all__ = ["as_checker", "as_operator"]
