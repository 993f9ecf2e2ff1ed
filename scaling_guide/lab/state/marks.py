"""What a system says of the settings that an operator may leave behind on one of its servers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.model.systems import part
from scaling_guide.probes.observation import Found


def _one_value(target: Any, path: Path) -> Mapping[str, str] | None:
    return None


@dataclass(frozen=True)
class Marks:
    """Where the settings of a server show.

    Either `probe` observes them, under names that match one of `settings`, or `asked` reads them as the
    operator and raises one of `errors` when the server does not answer. `own_files` are patterns, below the
    server's directory, of what it writes itself. `split` gives a file by directive, or None for one that is
    compared as a whole. `may_be_down` says that a server may come and go without anyone having acted.
    """

    probe: str | None = None
    settings: tuple[str, ...] = ()
    asked: Callable[[Environment, Any], Found] | None = None
    errors: tuple[type[Exception], ...] = ()
    own_files: tuple[str, ...] = ()
    split: Callable[[Any, Path], Mapping[str, str] | None] = _one_value
    may_be_down: bool = False


def marks_of(system: str) -> Marks:
    """The marks of a system; files alone count for one that declares none."""
    module = part(system, "state")
    found: Marks = module.MARKS if module else Marks()
    return found
