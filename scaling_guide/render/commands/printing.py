"""Commands as they are printed and run: connections by a name that is defined once, no long lines."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from scaling_guide.model.systems import part
from scaling_guide.model.target import Target
from scaling_guide.render.commands.folding import folded
from scaling_guide.render.commands.situation import Situation

LONGEST = 160
# a program that starts another cannot start what only this shell knows
_STARTED = re.compile(r"(?:\btimeout \S+|\benv|\bxargs|\bsetsid(?: -\w)?) $")


@dataclass(frozen=True)
class Printer:
    """How the commands of a situation are written down."""

    found: Situation

    @cached_property
    def clients(self) -> Mapping[str, str]:
        """How each connection begins, to its short name; the longest first."""
        names: dict[str, str] = {}
        for target in self.found.environment.targets.values():
            names |= {client: name for name, client in self._clients(target)}
        return dict(sorted(names.items(), key=lambda pair: -len(pair[0])))

    def text(self, command: str) -> str:
        """`command` as it is printed. It means the same once `settings` were carried out."""
        for client, name in self.clients.items():
            command = _named(command, client, name)
        return folded(command)

    def settings(self, commands: Iterable[str]) -> str:
        """Definitions of the connections that printed `commands` use; empty where they use none."""
        used = "\n".join(commands)
        lines = [
            folded(f'{name}() {{ {client} "$@"; }}')
            for client, name in self.clients.items()
            if re.search(rf"(?<![\w-]){re.escape(name)}(?= )", used)
        ]
        return "\n".join(sorted(lines))

    def runnable(self, command: str) -> str:
        """A printed command with the definitions that it uses, for `bash -c`."""
        settings = self.settings([command])
        return f"{settings}\n{command}" if settings else command

    def _clients(self, target: Target) -> list[tuple[str, str]]:
        commands = part(target.system, "commands")
        name = target.id.replace("-", "_")
        if commands is None or not (hasattr(commands, "as_checker") and hasattr(commands, "as_operator")):
            return []
        return [
            (name, commands.as_checker(target, self.found)),
            (f"{name}_admin", commands.as_operator(target, self.found)),
        ]


def _named(command: str, client: str, name: str) -> str:
    """`command` with every connection that the shell itself opens by its name."""
    parts, at = [], 0
    for match in re.finditer(re.escape(client) + r"(?=[\s)]|$)", command):
        if not _STARTED.search(command[: match.start()]):
            parts += [command[at : match.start()], name]
            at = match.end()
    return "".join([*parts, command[at:]])
