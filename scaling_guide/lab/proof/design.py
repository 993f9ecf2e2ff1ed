"""Which mutants may share a configuration, and what it then shows.

One server is made to run several mutants at once, in a few configurations that are chosen so that each mutant
can still be told from every other: each is in half of them, and of any two, each is in one without the other.
A check that is red in every configuration with its own mutant, and green in one without, owes that to it.

Two claims are read from the looks, for a mutant and a check:

* the mutant *leaves* the check alone, when it was there and the check was green;
* the mutant *reddens* the check, when that was red whenever it was there, and in one look nobody else can
  have done it, because each of the others leaves the check alone.

A mutant is proven when it reddens each check that it should and leaves each other one alone. Two that act
upon each other, so that one hides what the other does or both together do more, contradict themselves in the
configurations with one of the two, and then no claim is made; only three that conspire could deceive. Whoever
is not proven so is looked at alone. A look in which a check was red that all of its mutants leave alone is
taken once more, and when that is so again, they all are looked at alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from typing import TypeVar

T = TypeVar("T")

# fewer than this are looked at one by one in as many configurations
_FEW = 4


def rounds(items: Iterable[T], clash: Callable[[T, T], bool]) -> list[list[T]]:
    """The items in as few groups as come easily, none with two that clash; their order is kept in each."""
    groups: list[list[T]] = []
    for item in items:
        group = next((each for each in groups if not any(clash(item, other) for other in each)), None)
        if group is None:
            groups.append([item])
        else:
            group.append(item)
    return groups


def configurations(items: Sequence[T]) -> list[list[T]]:
    """Groups of items such that of any two items, each is in a group without the other.

    Sperner's words: every item is in half of the groups, and no two are in the same ones.
    """
    if len(items) <= _FEW:
        return [[item] for item in items]
    width = _width(len(items))
    words = list(combinations(range(width), width // 2))
    # spread over all words, so that the groups are of similar size
    chosen = [words[number * len(words) // len(items)] for number in range(len(items))]
    return [
        [item for item, word in zip(items, chosen, strict=True) if group in word] for group in range(width)
    ]


def _width(count: int) -> int:
    """How many groups it takes to tell so many items apart."""
    width = 1
    while comb(width, width // 2) < count:
        width += 1
    return width


@dataclass(frozen=True)
class Look:
    """One configuration: the mutants in it by their ids, and what the checks said."""

    mutants: frozenset[str]
    red: frozenset[str]
    upset: frozenset[str] = frozenset()
    messages: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def disturbed(self) -> frozenset[str]:
        """The checks that were not green."""
        return self.red | self.upset


@dataclass
class Evidence:
    """All looks at the mutants of one target, and what they show of each."""

    looks: list[Look] = field(default_factory=list)

    def of(self, mutant: str) -> list[Look]:
        """The looks in which a mutant was there."""
        return [look for look in self.looks if mutant in look.mutants]

    def leaves(self, mutant: str, check: str) -> bool:
        """Whether the mutant was there and the check was green."""
        return any(check not in look.disturbed for look in self.of(mutant))

    def disturbs(self, mutant: str, check: str) -> bool:
        """Whether the check was not green whenever the mutant was there, and nobody else can have done it."""
        return self._does(mutant, check, [check in look.disturbed for look in self.of(mutant)])

    def reddens(self, mutant: str, check: str) -> bool:
        """As `disturbs`, and the check said that the thing is wrong, not that it could not look."""
        return self._does(mutant, check, [check in look.red for look in self.of(mutant)])

    def _does(self, mutant: str, check: str, seen: Sequence[bool]) -> bool:
        return bool(seen) and all(seen) and any(self._alone(mutant, check, look) for look in self.of(mutant))

    def _alone(self, mutant: str, check: str, look: Look) -> bool:
        return all(self.leaves(other, check) for other in look.mutants if other != mutant)

    def unexplained(self, look: Look) -> frozenset[str]:
        """The checks of a look that were not green although each of its mutants leaves them alone."""
        return frozenset(
            check for check in look.disturbed if all(self.leaves(each, check) for each in look.mutants)
        )

    @property
    def suspects(self) -> frozenset[str]:
        """The mutants of every look in which something is unexplained."""
        looks = (look for look in self.looks if self.unexplained(look))
        return frozenset(mutant for look in looks for mutant in look.mutants)
