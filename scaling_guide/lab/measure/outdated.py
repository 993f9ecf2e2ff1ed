"""Whether the code behind a figure is still the code that produced it."""

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from typing import Any

from scaling_guide.lab.measure import measurements
from scaling_guide.lab.measure.result import Result
from scaling_guide.lab.measure.rig import Prepare
from scaling_guide.model.measurements import Measurement


def digest(record: Measurement, prepare: Prepare) -> str:
    """A fingerprint of what is measured and how: where it differs, the figures are outdated."""
    return sha256(f"{record.digest} {fingerprint(prepare)}".encode()).hexdigest()[:16]


def is_outdated(result: Result, record: Measurement) -> bool:
    """Whether the record, or the code that measured it, is no longer what it was."""
    prepare = measurements().get(record.id)
    return prepare is None or result.digest != digest(record, prepare)


def fingerprint(function: Callable[..., Any]) -> str:
    """Changes exactly when the function, or what it uses of its own module, does something else.

    Comments, docstrings and layout do not count; neither does what else stands in the module, or else every
    new measurement would outdate its neighbours.
    """
    known = _definitions(function.__module__)
    names, found = [function.__name__], dict[str, str]()
    while names:
        name = names.pop()
        if name in known and name not in found:
            found[name] = ast.dump(known[name])
            names += [node.id for node in ast.walk(known[name]) if isinstance(node, ast.Name)]
    return sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]


@cache
def _definitions(module: str) -> Mapping[str, ast.stmt]:
    """What a module defines at its top, by name and without docstrings."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found
