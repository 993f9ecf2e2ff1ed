"""Commands that are imported when they are called, so that `--help` and each of them start quickly."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class Entry:
    """A command before it is imported. `place` is `module:name` of its function or its group.

    `help` is the first paragraph of what the command says of itself, and all that the list of commands shows.
    """

    name: str
    place: str
    help: str
    panel: str | None = None


class Deferred(TyperCommand):
    """A command's line in the list of commands."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(
            entry.name, help=entry.help, rich_help_panel=entry.panel, rich_markup_mode="markdown"
        )
        self.place = entry.place

    def load(self) -> Any:
        """Import the command. Returns it as Typer makes it of its function or its group."""
        module, _, name = self.place.partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            app = typer.Typer(rich_markup_mode="markdown", add_completion=False)
            app.command(self.name)(found)
            found = app
        return typer.main.get_command(found)


def group(entries: Sequence[Entry]) -> type[TyperGroup]:
    """A group with these commands, which are not imported, and those that are registered."""

    class Group(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            for entry in entries:
                self.commands[entry.name] = Deferred(entry)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, command, rest = super().resolve_command(ctx, args)
            return name, command.load() if isinstance(command, Deferred) else command, rest

    return Group
