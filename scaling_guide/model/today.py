"""The day that ages are counted from."""

import os
from datetime import UTC, date, datetime

VARIABLE = "SG_TODAY"


class NoSuchDay(ValueError):
    """SG_TODAY is set and names no day."""


def today() -> date:
    """Today, or the day that SG_TODAY names, such as 2026-12-31. Raises NoSuchDay where it names none."""
    given = os.environ.get(VARIABLE)
    try:
        return date.fromisoformat(given) if given else date.today()
    except ValueError:
        raise NoSuchDay(f"{VARIABLE} is {given!r}, not a day such as 2026-12-31") from None


def now() -> datetime:
    """This moment, or the same time of the day that SG_TODAY names. Raises NoSuchDay where it names none."""
    moment = datetime.now(UTC)
    return datetime.combine(today(), moment.timetz()) if os.environ.get(VARIABLE) else moment
