"""Commands that ask Supabase's management API, or tell it something, with a token that nobody sees.

Who asks has the checker's token, which cannot change anything; who changes something has his own.
"""

import shlex
from dataclasses import dataclass

from scaling_guide.render.commands.situation import Situation
from scaling_guide.systems.supabase.target import SupabaseTarget

VARIABLE = "SUPABASE_ACCESS_TOKEN"


@dataclass(frozen=True)
class Api:
    """The API of one target, as runbooks call it: `supabase('/readonly')` is a command."""

    target: SupabaseTarget

    def __call__(self, path: str, method: str = "GET", body: str = "") -> str:
        """A command for a path below the project. `body` is JSON, for a method that changes something."""
        return self._command(f"/v1/projects/{self.target.project}{path}", method, body)

    def organization(self) -> str:
        """A command that shows the organization."""
        return self._command(f"/v1/organizations/{self.target.organization}", "GET", "")

    def _command(self, path: str, method: str, body: str) -> str:
        words = ["curl", "-fsS", "-K", "-"]
        token = self.target.token_file
        if method != "GET":
            token = self.target.operator_token_file
            words += ["-X", method, "-H", "Content-Type: application/json", "-d", body]
        command = shlex.join([*words, f"{self.target.url}{path}"])
        # on standard input and by a builtin, since everyone may read the arguments of a program
        return f"printf 'header = \"Authorization: Bearer %s\"\\n' {_told(token)} | {command}"


def _told(file: str | None) -> str:
    """What stands for the token in a command: its file, or the variable of whoever types it."""
    return f'"$(cat {shlex.quote(file)})"' if file else f'"${VARIABLE}"'


def at_target(target: SupabaseTarget, found: Situation) -> dict[str, Api]:
    """The names that a template may use at a project."""
    return {"supabase": Api(target)}
