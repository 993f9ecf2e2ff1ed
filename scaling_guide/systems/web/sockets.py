"""The sockets that a load balancer listens on, as its kernel sees them.

One round trip over the target's transport, `ss` on its host. What a program asks for as its backlog is cut
to net.core.somaxconn without a word, so only the kernel knows what is in force.
"""

import shlex

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes import transport
from scaling_guide.probes.observation import Found, Malformed, Unreachable, Unsupported

REQUESTS = 0

_NO_SUCH_COMMAND = 127


def probe(environment: Environment, target: LoadBalancer, deadline: float) -> Found:
    """For `https` and `http`: how many connections may wait to be accepted, and how many do.

    Raises what `transport.run` raises, Unreachable where nothing listens there, Unsupported without `ss`.
    """
    answer = transport.run(target.host, f"ss -ltnH src {shlex.quote(target.address)}", deadline)
    if answer.exit_code == _NO_SUCH_COMMAND:
        raise Unsupported(f"{target.id}: its host has no `ss`: install iproute2 there")
    rows = [line.split() for line in answer.stdout.splitlines()]
    if answer.exit_code != 0 or any(len(row) < 5 for row in rows):
        raise Malformed(f"{target.id}: `ss` said {(answer.stderr or answer.stdout).strip()[:80]!r}")
    values: dict[str, int] = {}
    for name, port in (("https", target.https), ("http", target.http)):
        found = [row for row in rows if row[3].rpartition(":")[2] == str(port)]
        if not found:
            raise Unreachable(f"{target.id}: nothing listens on {target.address}:{port} of {target.host}")
        # Linux shows the backlog of a listening socket as what it could still send
        values[f"listen > {name} > backlog"] = min(int(row[2]) for row in found)
        values[f"listen > {name} > waiting"] = sum(int(row[1]) for row in found)
    return "", values
