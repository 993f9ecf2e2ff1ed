"""Every execution of an order, by any instance: one line each in a file that all of them append to."""

import json
from pathlib import Path


class Ledger:
    """The executions so far. Shared, so that an order sent again to another instance is seen as well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch(0o600)

    def add(self, order: str, instance: str) -> None:
        """Note one execution. One write to an append-only file, so that lines do not mix."""
        with self._path.open("ab", buffering=0) as end:
            end.write(json.dumps([order, instance]).encode() + b"\n")

    def executions(self) -> dict[str, list[str]]:
        """Each order with the instances that executed it, in the order of time."""
        found: dict[str, list[str]] = {}
        for order, instance in map(json.loads, self._path.read_text().splitlines()):
            found.setdefault(order, []).append(instance)
        return found
