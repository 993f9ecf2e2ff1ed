"""What to say to someone who names what is not there."""

from collections.abc import Collection
from difflib import get_close_matches

# whoever reads a list as long as this finds what he meant; a longer one hides even the error
READ_THROUGH = 12
LISTED = 80
CLOSE = 5


def instead(name: str, known: Collection[str]) -> str:
    """What may have been meant: the close names among `known`, or all of them where they are few enough."""
    within = [each for each in sorted(known) if name and name.casefold() in each.casefold()]
    close = tuple(dict.fromkeys((*within, *get_close_matches(name, known, CLOSE))))
    if close and len(known) > READ_THROUGH:
        return f"did you mean {', '.join(close[:CLOSE])}?"
    if len(known) <= LISTED:
        return f"there are: {', '.join(sorted(known)) or 'none'}"
    return f"there are {len(known)}, and none is like it; pages and reports print them"
