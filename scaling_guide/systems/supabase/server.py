"""The stand-in for Supabase's management API, one process over the project that the guide documents."""

from http.client import HTTPResponse

from scaling_guide.lab import passwords
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.python_service import python_service
from scaling_guide.lab.server import Render, Server
from scaling_guide.systems.supabase.standin.service import MARK
from scaling_guide.systems.supabase.target import SupabaseTarget

MODULE = "scaling_guide.systems.supabase.standin"
TOKEN, OPERATOR_TOKEN = "supabase-token", "supabase-operator-token"


def server(lab: Lab, target: SupabaseTarget, render: Render) -> Server:
    """The stand-in that this target describes, for the project in the file that `render` returns."""
    if target.http is None:
        raise ValueError(f"{target.id} names no `http` port, so it is the real API and not the lab's")
    bind = Bind(target.address, target.http)
    options = {
        "state": lab.directory(target.id) / "project.yml",
        "token-file": passwords.file(lab, TOKEN),
        "operator-token-file": passwords.file(lab, OPERATOR_TOKEN),
    }
    return python_service(lab, target.id, MODULE, bind, options, render, "/", _lack)


def _lack(answer: HTTPResponse) -> str | None:
    """Nobody is let in without the token, and that is answer enough."""
    mark = {name: answer.headers.get(name) for name in MARK}
    return None if (answer.status, mark) == (401, MARK) else f"something else answers {answer.status}"
