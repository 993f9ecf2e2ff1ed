"""The client of PostgreSQL, which PgBouncer's console understands too."""

import re
import shlex

# no start-up file, no prompt, bare rows; an error of SQL is an error of the command
_PSQL = "psql -X -q -At -w -v ON_ERROR_STOP=1"
_CONNECT_SECONDS = 5


def client(host: str, port: int, user: str, database: str) -> str:
    """psql as `user`. Queries follow as `-c`; a later `-d` is another database."""
    return f"{_PSQL} -h {shlex.quote(host)} -p {port} -U {shlex.quote(user)} -d {shlex.quote(database)}"


def with_password(passfile: str, client: str) -> str:
    """The client with the file of its password, and an end to its patience with a host that is silent."""
    return f"PGPASSFILE={shlex.quote(passfile)} PGCONNECT_TIMEOUT={_CONNECT_SECONDS} {client}"


def is_true(client: str, query: str) -> str:
    """Look whether the one answer to `query` is true; no answer is not."""
    return f"{client} -c {quoted(query)} | grep -qx t"


def quoted(query: str) -> str:
    """A query for a shell, in the quotes in which SQL is easiest to read."""
    return shlex.quote(query) if re.search(r'["$`\\!]', query) else f'"{query}"'


def write(config: str, name: str, value: object) -> str:
    """Put a setting of a file to another value. Fails where the file has no line for it."""
    file, line = shlex.quote(config), f"{name} = {value}"
    into = re.sub(r"([\\/&])", r"\\\1", line)
    edit = shlex.quote(f"s/^{re.escape(name)}[[:space:]]*=.*/{into}/")
    return f"sed -i --follow-symlinks {edit} {file} &&\ngrep -qxF {shlex.quote(line)} {file}"
