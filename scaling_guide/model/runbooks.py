"""Procedures for someone on call, and how the lab rehearses them."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from scaling_guide.model.facts import Fact
from scaling_guide.model.readings import Effect, Reading
from scaling_guide.model.record import TIERS, Duration, Id, Record, Text, TierName
from scaling_guide.model.systems import SystemName


class Safety(StrEnum):
    """What a step does to the environment."""

    READ_ONLY = "read-only"
    REVERSIBLE = "reversible"
    IRREVERSIBLE = "irreversible"


Systems = SystemName | Annotated[tuple[SystemName, ...], Field(min_length=1)]


class Parameter(Record):
    """What a reader must decide before the first step. `example` is a template, like the commands.

    `safe` says where the value comes from and in which bound it is safe. A parameter that has it is asked
    for: its example is for the lab, and is printed nowhere.
    """

    means: Text
    example: Text
    safe: Text | None = None


class Placed(Record):
    """A command and where it is run: `run` is a template rendered for the reader's environment.

    `system`, one or several, says at which servers: at each of that system, of those that have `role` where
    one is given; for `app`, at the one server that the runbook is about. Without it the command runs once,
    from where the guide is.
    """

    run: Text
    system: Systems | None = None
    role: Id | None = None

    @model_validator(mode="after")
    def _role_is_of_a_system(self) -> "Placed":
        if self.role is not None and self.system is None:
            raise ValueError("give `role` together with `system`")
        return self


class Step(Placed):
    """One command of a runbook.

    `wait` is a read-only command that is repeated until it succeeds, at most `wait_at_most`. `id` is for
    scenarios that leave the step out, and for rows of the diagnosis that need it. `effect` is what it must
    have changed, read from what it prints. `red` says what it means that it failed, and which way is left.
    Steps with `each_server` that follow each other are carried out for one server of the application after
    the other.
    """

    id: Id | None = None
    do: Text
    safety: Safety
    wait: Text | None = None
    wait_at_most: Duration | None = None
    takes_effect: Text | None = None
    effect: Effect | None = None
    red: Text | None = None
    each_server: bool = False

    @model_validator(mode="after")
    def _wait_is_bounded(self) -> "Step":
        if (self.wait is None) != (self.wait_at_most is None):
            raise ValueError("give `wait` and `wait_at_most` together")
        return self


class Confirm(Placed):
    """A read-only look that confirms or refutes the symptom.

    `id` is what rows of the diagnosis name it by. Where it is `silent`, printing nothing is an answer.
    """

    id: Id
    look: Text
    silent: bool = False
    normal: Text
    abnormal: Text
    empty: Text


class Cause(Record):
    """What the lab breaks for a row of a diagnosis, as in a scenario; nothing where all is well.

    `on` names a target for a mutation; `before` are commands that bring about what no mutation does, and
    `after` those that take it back.
    """

    given: tuple[Text, ...] = ()
    on: dict[Text, Id] = {}
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()


class Finding(Record):
    """A row of the decision table: what was seen, what it means, what to do.

    `holds` are the readings that decide it, all of them; where no look shows it, a `person` judges it.
    `steps` are its own: ids of steps of the phase `mitigate`, or steps that are for this row alone. `link`
    leads to a runbook or a section of a topic. `despite` names checks before the first step that are red in
    this case, and what that means. `cause` is what brings it about in the lab, which proves the row.
    """

    id: Id
    when: Text
    holds: tuple[Reading, ...] = ()
    judged: Literal["person"] | None = None
    means: Text
    do: Text
    steps: tuple[Id | Step, ...] = ()
    link: Text | None = None
    despite: dict[Id, Text] = {}
    alert_is_wrong: bool = False
    otherwise: bool = False
    cause: Cause | None = None

    @property
    def own_steps(self) -> tuple[Step, ...]:
        """The steps that are for this row alone."""
        return tuple(each for each in self.steps if isinstance(each, Step))


class Phase(Record):
    """Steps, and the facts that tell whether they did what they promise.

    `red` says what is left to do where a check of the phase does not hold.
    """

    steps: tuple[Step, ...] = ()
    checks: tuple[Id, ...] = ()
    red: Text | None = None


Loss = Annotated[int, Field(ge=0)]


class Scenario(Record):
    """One rehearsal under load: the documented configuration, or its opposite.

    `overrides` replaces documented values by others (fact id to value) in every config file before the
    servers start. `given` names the mutations that make the situation; they are lifted just before the step
    `mended_by`, or at the end. Each is brought about on the load balancer that the load goes through and on
    the server that the runbook is about; where it is for neither, on the first target of the first system
    that it is for, a primary before its replicas. `on` names another target for it. `skip` names the steps
    that are left out; `roll_back` goes back after the mitigation instead of verifying it. Afterwards the
    checks of the last phase are green, save for `red`.

    Lost requests are counted over the whole run (`lost_at_most`, for each system where they differ) and from
    the end of the mitigation on (`lost_after_at_most`). None where the scenario only shows what happens
    without what is documented.
    """

    title: Text
    targets: tuple[SystemName, ...] = ()
    given: tuple[Text, ...] = ()
    on: dict[Text, Id] = {}
    mended_by: Id | None = None
    overrides: dict[Id, Any] = {}
    skip: tuple[Id, ...] = ()
    roll_back: bool = False
    red: tuple[Id, ...] = ()
    method: Literal["GET", "POST"] = "GET"
    path: Text | None = None
    lost_at_most: Loss | dict[SystemName, Loss] | None = None
    lost_after_at_most: Loss | None = None

    @model_validator(mode="after")
    def _what_is_on_is_given(self) -> "Scenario":
        if unknown := sorted(set(self.on) - set(self.given)):
            raise ValueError(f"`on` names a target for {unknown[0]}, which is not `given`")
        return self

    def loss_allowed(self, system: SystemName) -> int | None:
        """How many requests may be lost through a load balancer of `system`; None for any number."""
        if isinstance(self.lost_at_most, dict):
            return self.lost_at_most.get(system)
        return self.lost_at_most


class Rehearsal(Record):
    """How the lab practises the runbook: the load, the load balancers it goes through, and what to compare.

    Each scenario is run once, with a load through each of `targets`, or of its own, at the same time. A load
    lasts `seconds`, and longer where the commands take longer. `before` are commands (templates, with
    `system` as in a step) that bring about what the runbook starts from, such as a new file to be loaded.
    """

    targets: Annotated[tuple[SystemName, ...], Field(min_length=1)]
    requests_per_second: int = Field(gt=0, le=1000)
    seconds: int = Field(gt=0, le=30)
    path: Text = "/work?ms=20"
    parameters: dict[str, Text] = {}
    before: tuple[Step, ...] = ()
    scenarios: Annotated[dict[Id, Scenario], Field(min_length=2)]


class Impact(Record):
    """What users feel now, and what they will feel when it is complete."""

    now: Text
    at_full: Text


class Runbook(Record):
    """A procedure for someone on call, with the checks that tell go from no-go.

    `stop` says when to stop and call the owner. `users` are read-only steps that show what a user sees, the
    last thing that is verified. `also_known_as` are names under which other collections of rules raise its
    alerts, and `never` is what makes it worse.
    """

    title: Text
    owner: Text
    stop: Text
    also_known_as: tuple[Text, ...] = ()
    systems: tuple[SystemName, ...] = ()
    never: tuple[Text, ...] = ()
    status: Literal["draft", "tested", "stable"]
    reviewed: date
    severity: Literal["critical", "warning", "planned"]
    alerts: tuple[Text, ...] = ()
    tiers: tuple[TierName, ...] = TIERS
    time_to_effect: Text
    symptom: Text
    impact: Impact
    confirm: Annotated[tuple[Confirm, ...], Field(min_length=1, max_length=3)]
    diagnose: Annotated[tuple[Finding, ...], Field(min_length=2)]
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")], Parameter] = {}
    facts: dict[Id, Fact] = {}
    preconditions: Phase
    mitigate: Phase
    verify: Phase
    users: Annotated[tuple[Step, ...], Field(min_length=1)]
    roll_back: Phase
    afterwards: tuple[Text, ...]
    rehearsal: Rehearsal | None = None

    _id: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _names_are_known(self) -> "Runbook":
        if self.rehearsal is None:
            return self
        steps = {step.id for phase in self.phases.values() for step in phase.steps if step.id}
        for name, scenario in self.rehearsal.scenarios.items():
            named = {*scenario.skip, *((scenario.mended_by,) if scenario.mended_by else ())}
            if unknown := sorted(named - steps):
                raise ValueError(f"scenario {name} names {unknown[0]}, which is the `id` of no step")
            last = self.roll_back if scenario.roll_back else self.verify
            if unknown := sorted(set(scenario.red) - set(last.checks)):
                raise ValueError(f"scenario {name} has {unknown[0]} red, which its last phase does not check")
        if unknown := sorted(set(self.rehearsal.parameters) - set(self.parameters)):
            raise ValueError(f"the rehearsal sets {unknown[0]}, which is no parameter")
        return self

    @property
    def id(self) -> str:
        """The runbook's name, the path of its data, page and checks below `runbooks/`."""
        return self._id

    @property
    def rows(self) -> Mapping[str, Finding]:
        """The rows of the diagnosis by their ids, in their order."""
        return {row.id: row for row in self.diagnose}

    @property
    def own_steps(self) -> Mapping[str, Step]:
        """The steps of the mitigation that rows may name, by their ids."""
        return {step.id: step for step in self.mitigate.steps if step.id}

    @property
    def phases(self) -> Mapping[str, Phase]:
        """The phases that hold steps or checks, in the order they are worked through."""
        return {
            "preconditions": self.preconditions,
            "mitigate": self.mitigate,
            "verify": self.verify,
            "roll_back": self.roll_back,
        }
