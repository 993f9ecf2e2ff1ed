"""The places that the guide can be held against, and the servers in them."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field, PrivateAttr, model_validator

from scaling_guide.model.record import Duration, Id, Record, Text, TierName
from scaling_guide.model.systems import systems
from scaling_guide.model.target import AppTarget, Target
from scaling_guide.model.units import Scalar

if TYPE_CHECKING:
    Targets = dict[Id, Target]
else:
    # every kind of server that is installed; its field `system` says which one a target is
    Targets = dict[
        Id,
        Annotated[
            Union[tuple(each.target for each in systems().values())],  # noqa: UP007
            Field(discriminator="system"),
        ],
    ]


class Waiver(Record):
    """A drift that is known and accepted, by whom, why, and until when."""

    check: Id
    target: Text
    reason: Text
    owner: Text
    expires: date


class Attestation(Record):
    """What a person looked at since no interface tells it, at which place, and until when it is believed."""

    target: Text
    setting: Text
    value: Scalar
    seen: Text
    by: Text
    on: date
    until: date

    @model_validator(mode="after")
    def _ends_within_a_year(self) -> "Attestation":
        if not self.on <= self.until <= self.on + timedelta(days=366):
            raise ValueError("`until` must be within a year after `on`")
        return self


class Environment(Record):
    """A place where the guide can be held against reality.

    `commands` are the ways in which this environment restarts and reloads a target, used by runbooks. `page`
    is the page whose weight is held to a budget. `contacts` says how to reach each owner of a runbook.

    `names` are the names that parts have here for which facts say a role: `{upstream}`, `{backend}`. Those
    left out are named as in `data/names.yml`. `capabilities` are what the application offers to be asked,
    each with its path; a fact that needs one which is not named is out of scope.
    """

    title: Text
    tier: TierName
    loopback: bool = False
    example: bool = False
    site: Text
    page: Text = "/"
    deadline: Duration = "5s"
    commands: dict[str, Text] = {}
    contacts: dict[Text, Text] = {}
    names: dict[Text, Text] = {}
    capabilities: dict[Id, Text] = {}
    targets: Annotated[Targets, Field(min_length=1)]
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()

    _name: str = PrivateAttr(default="")
    _default_names: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _cache_keys: Mapping[str, float] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its file, which `--env` takes."""
        return self._name

    @property
    def cache_keys(self) -> Mapping[str, float]:
        """How the documented keys of a cache begin, to the longest that one may live, in milliseconds."""
        return self._cache_keys

    def of(self, *names: str) -> tuple[Target, ...]:
        """The targets of the given systems, in the order of the file."""
        return tuple(target for target in self.targets.values() if target.system in names)

    @property
    def api(self) -> str:
        """The path of the list that is read page by page."""
        return self.capabilities.get("list", "/api/items")

    @property
    def named(self) -> Mapping[str, str]:
        """The name here of each part for which facts say a role."""
        return {**self._default_names, **self.names}

    def fill(self, setting: str) -> str:
        """A setting with `{site}` and the roles in it replaced by the names here."""
        return _ROLE.sub(lambda role: self.named.get(role[1], role[0]), setting.replace("{site}", self.site))

    @property
    def placeholders(self) -> Mapping[str, Any]:
        """What facts may leave to the environment: the name in the data to the value here."""
        return {name: fill(self) for name, fill in PLACEHOLDERS.items()}

    @property
    def apps(self) -> tuple[AppTarget, ...]:
        """The processes of the application, in the order of the file."""
        return tuple(target for target in self.targets.values() if isinstance(target, AppTarget))


# a role in a setting: `{sticky upstream}`
_ROLE = re.compile(r"\{([a-z]+(?: [a-z]+)*)\}")

PLACEHOLDERS: Mapping[str, Callable[[Environment], Any]] = {
    "{site}": lambda environment: environment.site,
    "{apps}": lambda environment: [f"{app.address}:{app.http}" for app in environment.apps],
    "{app count}": lambda environment: len(environment.apps),
    "{app version}": lambda environment: next((app.version for app in environment.apps), None),
}
