"""How the lab runs its stand-in for Supabase's management API, and the refusals of such an API."""

from collections.abc import Mapping, Sequence
from typing import Any

from scaling_guide.lab.driver import Breakage, Driver, Subject
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.faults import Handler, answers, liar, replaced
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.probes.probe import Over
from scaling_guide.systems.supabase import server
from scaling_guide.systems.supabase.probe import PROBES

_API = frozenset(name for name, probe in PROBES.items() if Over.NETWORK in probe.over)

# answers of a vendor's control plane that hold no answer
REFUSALS: Mapping[str, Handler] = {
    "token refused (401)": answers(401),
    "scope missing (403)": answers(403),
    "rate limit for a minute (429)": answers(429, "Retry-After: 60"),
    "server error (500)": answers(500),
    "login page (200)": answers(200, "Content-Type: text/html", body="<html>Please log in</html>"),
    "answer without a field (200)": answers(200, "Content-Type: application/json"),
}


class SupabaseDriver(Driver):
    """The stand-in reads its file for each request."""

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        return server.server(lab, target, render)

    def is_statement(self, line: str) -> bool:
        text = line.partition(" # ")[0].strip()
        return line[:1].isspace() and bool(text) and not text.startswith("#")

    async def apply(self, subject: Subject) -> None:
        pass

    def breakages(self, target: Any) -> Sequence[Breakage]:
        return (
            Breakage("token gone", replaced(token_file="/nonexistent.token"), _API),
            *(Breakage(name, liar(handler), _API) for name, handler in REFUSALS.items()),
        )


DRIVER = SupabaseDriver()
