"""The products that the guide knows: each a separate package, found through entry points.

The group `scaling_guide.systems` maps the name that environments use to a package. Its module `about` holds a
`System` named SYSTEM; its other modules (`probe`, `commands`, `server`, `mutations`, ...) are imported when
something asks for that part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, Union

from scaling_guide.model.plans import Plans
from scaling_guide.model.target import Target

GROUP = "scaling_guide.systems"


@dataclass(frozen=True)
class System:
    """What the engine must know of a product before it looks at anything.

    `name` is what environments call it and `title` what people do; `language` is the lexer for its files.
    `target` is the record of one server. `probes` are the names of what it can be asked, each a key of PROBES
    in the package's module `probe`. `plans` is the record of a vendor's limits and prices in
    `data/plans/<name>.yml`, where it has some. `is_service` marks what a vendor runs, so that the reader has
    no file of it. `uses` names the other packages below `systems` that its modules import, `looks_up` the
    facts whose documented value a mutation needs, by the name of the mutation.

    `disturbs` says which servers cannot be judged while one of this system is broken: a role of this system
    (`*` for any) to systems, or to `system/role`.
    """

    name: str
    title: str
    target: type[Target]
    probes: tuple[str, ...]
    language: str = "text"
    disturbs: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    plans: type[Plans] | None = None
    is_service: bool = False
    uses: tuple[str, ...] = ()
    looks_up: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def disturbed_by(self, target: Target) -> tuple[str, ...]:
        """What is disturbed while `target`, a server of this system, is broken."""
        return (*self.disturbs.get("*", ()), *self.disturbs.get(target.role or "", ()))


@cache
def systems() -> Mapping[str, System]:
    """Every installed system by its name, in alphabetical order.

    Raises LookupError when none is installed, or when two packages claim one name.
    """
    found: dict[str, System] = {}
    for name, package in packages().items():
        found[name] = import_module(f"{package}.about").SYSTEM
        if found[name].name != name:
            raise LookupError(f"the entry point `{name}` leads to the system `{found[name].name}`")
    return found


@cache
def packages() -> Mapping[str, str]:
    """Every installed system by its name, to the package that it is in. Raises as `systems` does."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    packages: dict[str, str] = {}
    for point in points:
        if packages.setdefault(point.name, point.value) != point.value:
            raise LookupError(
                f"{packages[point.name]} and {point.value} both claim the system `{point.name}`"
            )
    if not packages:
        raise LookupError(f"no entry point in `{GROUP}`: install the project (`make setup`)")
    return packages


@cache
def part(system: str, module: str) -> ModuleType | None:
    """A module of a system's package, or None if the package has no such module.

    Raises LookupError for an unknown system.
    """
    if system not in packages():
        raise LookupError(f"there is no system `{system}`; there are: {', '.join(packages())}")
    name = f"{packages()[system]}.{module}"
    return import_module(name) if find_spec(name) else None


@cache
def probe_names() -> Mapping[str, tuple[str, ...]]:
    """Every probe by name, with the systems that it serves."""
    found: dict[str, tuple[str, ...]] = {}
    for system in systems().values():
        for probe in system.probes:
            found[probe] = (*found.get(probe, ()), system.name)
    return found


def plan_records() -> Any:
    """The type of a file in `data/plans`: the plans of any vendor among the systems."""
    return Union[tuple(each.plans for each in systems().values() if each.plans)]  # noqa: UP007


if TYPE_CHECKING:
    SystemName = str
    ProbeName = str
else:
    # what is installed decides which names a file may use
    SystemName = Literal[tuple(systems())]
    ProbeName = Literal[tuple(probe_names())]
