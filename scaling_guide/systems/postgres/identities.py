"""The passwords of the databases of a lab: made once, each kept where only who needs it can read it."""

import base64
import hashlib
import hmac
import os
import secrets
import shutil
from pathlib import Path

from scaling_guide.lab.ca import write_secret
from scaling_guide.lab.layout import Lab

# who logs in, apart from the superuser, who comes over the socket
ROLES = ("scaling_ro", "app", "worker", "migrator", "replicator", "pgbouncer_admin")

_ROUNDS = 4096


def passfile(lab: Lab, role: str) -> Path:
    """The file in libpq's form that holds the role's password."""
    return lab.root / "pgpass" / f"{role}.pgpass"


def passwords(lab: Lab) -> dict[str, str]:
    """The password of each role, made with its file where there is none."""
    directory = lab.root / "pgpass"
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    for role in ROLES:
        if not passfile(lab, role).exists():
            write_secret(passfile(lab, role), f"*:*:*:{role}:{secrets.token_urlsafe(24)}\n".encode())
    return {role: passfile(lab, role).read_text().strip().rpartition(":")[2] for role in ROLES}


def verifier(password: str) -> str:
    """What a server keeps of a password to prove it by SCRAM-SHA-256 (RFC 5803): no password in it."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored, server = hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")
    shown = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ROUNDS}:{shown[0]}${shown[1]}:{shown[2]}"


def verifiers(lab: Lab) -> dict[str, str]:
    """The verifier of each role, the same for PostgreSQL and for the pooler in front of it.

    PgBouncer can only log on with what a client proved to it when both keep the same salt.
    """
    kept = lab.root / "pgpass" / "verifiers"
    if not kept.exists():
        lines = [f"{role} {verifier(password)}\n" for role, password in passwords(lab).items()]
        write_secret(kept, "".join(lines).encode())
    return dict(line.split() for line in kept.read_text().splitlines())


def own(path: Path, user: str | None) -> None:
    """Give a file or directory to the user that a server runs as, where root starts the server."""
    if user is not None:
        shutil.chown(path, user)


def private_directory(path: Path, user: str | None) -> None:
    """Make a directory that only the server's user may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    own(path, user)
