"""`guide explain`: where an expected value comes from."""

import json
from typing import Annotated

import typer
from rich.text import Text

from scaling_guide.cli import project
from scaling_guide.cli.console import out
from scaling_guide.model.names import instead
from scaling_guide.model.record import TIERS
from scaling_guide.model.rules.facts import rendered_facts
from scaling_guide.probes.by_hand import by_hand


def explain(
    check: Annotated[str, typer.Argument(help="the id of a fact, as pages and reports print it")],
    env: project.EnvironmentName = "lab",
    number: project.LabNumber = None,
) -> None:
    """Say where an expected value comes from, file by file, and how to look by hand."""
    guide = project.guide(number)
    environment = project.environment(guide, env)
    name = check.partition("@")[0]
    if name not in guide.facts:
        raise project.usage(f"there is no check {name}; {instead(name, guide.facts)}")
    fact = guide.facts[name]
    claim = fact.claim(environment)
    rows = {
        "what": fact.label,
        "why": fact.why,
        "setting": f"{claim.setting} (probe {fact.probe})",
        f"expected in {env}": f"{claim.expectation.words()}, tier {environment.tier}",
        "documented at": str(fact.place("expect")),
        "page": fact.page,
        "source": f"{fact.source.kind}: {fact.source.says}",
    }
    for tier in TIERS:
        rows[f"  {tier}"] = (
            f"{fact.expectation(tier).words()}; config files take {json.dumps(fact.used(tier))}"
        )
    if fact.source.ref:
        source = guide.sources[fact.source.ref]
        rows["read in"] = f"{source.title}, {source.url or source.script}, {source.product}, {source.seen}"
    rendered = rendered_facts(guide.directory).get(fact.id)
    rows["rendered by"] = str(rendered) if rendered else "no template: it is behaviour or run-time state"
    if fact.mutations:
        rows["proven by"] = ", ".join(fact.mutations)
    for target in fact.targets(environment):
        rows[f"by hand, {target.id}"] = by_hand(fact.probe, environment, target, claim.setting)
    width = max(map(len, rows))
    for label, value in rows.items():
        out.print(Text(f"{label:<{width}}  ", style="bold") + Text(value))
