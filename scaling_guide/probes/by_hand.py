"""The command that shows a person what a probe sees."""

import shlex

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import Target
from scaling_guide.probes.probe import probe
from scaling_guide.probes.transport import typed


def by_hand(name: str, environment: Environment, target: Target, setting: str) -> str:
    """A command that shows a person the value of `setting`, to be typed where the checker runs."""
    segments = setting.split(" > ")
    asked = probe(name, target.system)
    trust = getattr(target, "trust", None)
    command = asked.by_hand.get(segments[0], asked.by_hand[""]).format(
        **{field: shlex.quote(str(value)) for field, value in target.model_dump().items()},
        site=environment.site,
        url=getattr(target, "url", ""),
        environment=environment.name,
        page=environment.page,
        api=environment.api,
        trusting=f"--cacert {shlex.quote(trust)} " if trust else "",
        key_file=shlex.quote(getattr(target, "key_file", "")),
        search=asked.search(segments),
    )
    return typed(target.host, command) if asked.typed_on_host else command
