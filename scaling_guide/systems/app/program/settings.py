"""How an instance runs: who it is, from its command line, and its limits, from its settings file."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from scaling_guide.model.units import Unit, meaning
from scaling_guide.systems.app.program import cache, database
from scaling_guide.systems.app.program.cache import Habits, ratio
from scaling_guide.systems.app.program.database import Patience


@dataclass(frozen=True)
class Limits:
    """The settings of the file, durations in seconds.

    The file has a line `APP_KEEP_ALIVE=75s` for each; the last five have defaults, and other values than
    those are faults that a lab can put in. Those of the cache and of the database may be missing where there
    is none, and those of a page of the list, in rows.
    """

    keep_alive: float
    drain: float
    shutdown: float
    request_timeout: float
    page_default: int = 20
    page_most: int = 100
    cache_ttl: float = 3600.0
    cache_jitter: str = "10%"
    cache_lock: float = 5.0
    cache_timeout: float = 0.1
    pool_size: int = 5
    pool_timeout: float = 3.0
    pool_lifetime: float = 1800.0
    connect_timeout: float = 2.0
    database_timeout: float = 19.0
    version: str = ""
    liveness_status: int = 200
    health_cache_control: str = "no-store"
    regression: str = ""
    sessions: str = ""


@dataclass(frozen=True)
class Options:
    """The command line. `session_key` and `ledger` are files that all instances share."""

    host: str
    port: int
    instance: str
    version: str
    startup_seconds: float
    session_key: Path
    ledger: Path
    limits: Limits
    places: cache.Places = field(default_factory=cache.Places)
    databases: database.Places = field(default_factory=database.Places)

    @property
    def habits(self) -> Habits:
        """How this instance keeps values in its cache."""
        limits = self.limits
        return Habits(limits.cache_ttl, ratio(limits.cache_jitter), limits.cache_lock, limits.cache_timeout)

    @property
    def patience(self) -> Patience:
        """How this instance shares and awaits the connections to its databases."""
        limits = self.limits
        return Patience(
            size=limits.pool_size,
            checkout=limits.pool_timeout,
            lifetime=limits.pool_lifetime,
            connect=limits.connect_timeout,
            request=limits.database_timeout,
        )


def _seconds(written: str) -> float:
    return float(meaning(written, Unit.DURATION)) / 1000


_READERS: dict[Any, Callable[[str], float | int | str]] = {float: _seconds, int: int, str: str}


def limits_of(text: str) -> Limits:
    """The limits that a settings file states. Raises ValueError for an unknown, missing or wrong setting."""
    kinds = {f"APP_{each.name.upper()}": each for each in fields(Limits)}
    found: dict[str, float | int | str] = {}
    for line in text.splitlines():
        name, assigned, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not assigned or name not in kinds:
            raise ValueError(f"`{line}` is no setting: there are {', '.join(kinds)}")
        kind = kinds[name]
        found[kind.name] = _READERS[kind.type](value)
    missing = [name for name, kind in kinds.items() if kind.default is MISSING and kind.name not in found]
    if missing:
        raise ValueError(f"the settings lack {', '.join(missing)}")
    return Limits(**found)  # type: ignore[arg-type]  # converted to the type of each field above


def options(arguments: Sequence[str] | None = None) -> Options:
    """The options of a command line, with the settings file it names read."""
    parser = argparse.ArgumentParser(
        prog="python -m scaling_guide.systems.app.program",
        description="Run one instance of the lab's application. SIGTERM drains and ends it, SIGUSR1 only"
        " drains it, SIGUSR2 takes that back, SIGINT ends it at once.",
    )
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--instance", required=True, help="its name, in every answer")
    parser.add_argument("--version", required=True, help="its version, in every answer")
    parser.add_argument("--startup-seconds", type=float, default=0.0, help="be unready that long at first")
    parser.add_argument("--session-key", type=Path, required=True, help="file with the key of all instances")
    parser.add_argument("--ledger", type=Path, required=True, help="file to which all append their orders")
    parser.add_argument("--cache", help="host:port of the Redis that is a cache")
    parser.add_argument("--sentinels", default="", help="host:port,... of those who know where sessions are")
    parser.add_argument("--redis-password", type=Path, help="file with the password of user app")
    parser.add_argument("--database", help="host:port/name of the database, through its pooler")
    parser.add_argument("--readers", help="host:port/name for reads that may be late; else the same")
    parser.add_argument("--passfile", type=Path, help="file in libpq's form with the password of user app")
    parser.add_argument("--settings", type=Path, required=True, help="file with the limits")
    given = vars(parser.parse_args(arguments))
    try:
        limits = limits_of(given.pop("settings").read_text())
    except (OSError, ValueError) as error:
        parser.error(f"--settings: {error}")
    given["version"] = limits.version or given["version"]
    sentinels = tuple(filter(None, given.pop("sentinels").split(",")))
    password_file, sessions = given.pop("redis_password"), limits.sessions or None
    places = cache.Places(given.pop("cache"), sentinels, password_file=password_file, sessions=sessions)
    databases = database.Places(given.pop("database"), given.pop("readers"), passfile=given.pop("passfile"))
    return Options(**given, limits=limits, places=places, databases=databases)
