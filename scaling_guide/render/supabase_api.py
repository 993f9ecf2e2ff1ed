"""Commands that ask Supabase's management API, or tell it something, with a token that nobody sees."""

import shlex
from dataclasses import dataclass

from scaling_guide.model.environments import SupabaseTarget

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
        if method != "GET":
            words += ["-X", method, "-H", "Content-Type: application/json", "-d", body]
        command = shlex.join([*words, f"{self.target.url}{path}"])
        # on standard input and by a builtin, since everyone may read the arguments of a program
        return f"printf 'header = \"Authorization: Bearer %s\"\\n' {self._token} | {command}"

    @property
    def _token(self) -> str:
        file = self.target.token_file
        return f'"$(cat {shlex.quote(file)})"' if file else f'"${VARIABLE}"'
