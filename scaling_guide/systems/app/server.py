"""The application behind the load balancers: `scaling_guide.systems.app.program`, one process an instance."""

from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPResponse
from types import MappingProxyType

from cryptography.fernet import Fernet

from scaling_guide.lab.ca import write_secret
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.python_service import python_service
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.target import AppTarget

NOWHERE: Mapping[str, object] = MappingProxyType({})
READY = "/readyz"
# longer than any documented drain and shutdown together
STOP_SECONDS = 60.0


def server(lab: Lab, target: AppTarget, render: Render, places: Mapping[str, object] = NOWHERE) -> Server:
    """The instance that this target describes, with the limits in the files that `render` returns.

    `places` are further options of the application: where its cache, its sessions and its database are.
    """
    bind = Bind(target.address, target.http)
    directory, session_key = lab.directory(target.id), lab.root / "session.key"
    # one key for all, so that any instance can go on with the session of another
    if not session_key.exists():
        write_secret(session_key, Fernet.generate_key())
    options = {
        "instance": target.id,
        "version": target.version,
        "session-key": session_key,
        "ledger": lab.root / "orders.ledger",
        "settings": directory / "app.env",
        **places,
    }
    return python_service(
        lab, target.id, "scaling_guide.systems.app.program", bind, options, render, READY, _lack, STOP_SECONDS
    )


def _lack(answer: HTTPResponse) -> str | None:
    return None if answer.status == HTTPStatus.OK else f"{READY} answered {answer.status}"
