"""Which test modules a change touches, the nearest first.

A test is 0 away from itself and from the module that it mirrors, and one further for each import between it
and a changed module. A changed file that is no Python is 1 away from each test that names it or its folder.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

# imports the packages below when they are asked for, by name
REGISTRY = "scaling_guide/model/systems.py"
SYSTEMS = "scaling_guide/systems/"
TOPS = ("scaling_guide", "macros", "checks", "tests", "tools")


def affected(root: Path, changed: Iterable[str]) -> dict[str, int]:
    """Path of each test module that the changed files touch to how far it is from them, in that order."""
    sources = {
        path.relative_to(root).as_posix(): path.read_text("utf-8")
        for top in TOPS
        for path in sorted((root / top).rglob("*.py"))
        if "fixtures" not in path.parts
    }
    graph = imports(sources)
    found: dict[str, int] = {}
    for name in changed:
        for test, distance in _touched(sources, graph, name).items():
            found[test] = min(distance, found.get(test, distance))
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def imports(sources: Mapping[str, str]) -> dict[str, set[str]]:
    """Each file to those among `sources` that it imports, wherever in it; a test also has its conftests."""
    by_module = {_module(name): name for name in sources}
    graph = {name: set(_imported(text, _module(name), by_module)) for name, text in sources.items()}
    graph.setdefault(REGISTRY, set()).update(name for name in sources if name.startswith(SYSTEMS))
    for name, imported in graph.items():
        parents = (str(parent / "conftest.py") for parent in PurePosixPath(name).parents)
        imported |= {each for each in parents if each in sources and each != name}
    return graph


def is_test(name: str) -> bool:
    return name.startswith("tests/") and PurePosixPath(name).name.startswith("test_") and name.endswith(".py")


def mirrors(test: str, name: str) -> bool:
    """Whether a test module is that of a file, as tests/lab/test_lock.py is of scaling_guide/lab/lock.py."""
    path, of = PurePosixPath(name.removeprefix("scaling_guide/")), PurePosixPath(test)
    return of.parent == "tests" / path.parent and of.stem == f"test_{path.stem}"


def _touched(sources: Mapping[str, str], graph: Mapping[str, set[str]], name: str) -> dict[str, int]:
    """The tests that a changed file touches, each to its distance."""
    near = {test: 0 for test in sources if is_test(test) and (test == name or mirrors(test, name))}
    if name.endswith(".py") and not name.startswith("checks/"):
        return {test: away for test, away in _importers(graph, name).items() if is_test(test)} | near
    named = _readers(sources, graph, name)
    return dict.fromkeys(named, 1) | near


def _importers(graph: Mapping[str, set[str]], name: str) -> dict[str, int]:
    """Every file that imports this one, directly or not, to the number of imports between the two."""
    found, ring = {name: 0}, {name}
    while ring:
        ring = {file for file, imported in graph.items() if imported & ring} - found.keys()
        found |= dict.fromkeys(ring, max(found.values()) + 1)
    return found


def _readers(sources: Mapping[str, str], graph: Mapping[str, set[str]], name: str) -> Iterator[str]:
    """The tests that name a file or its folder, themselves or in a module of the tests that they import."""
    path = PurePosixPath(name)
    names = {path.name, *path.parts, *map(str, path.parents)} - {"."}
    naming = {
        file
        for file, text in sources.items()
        if file.startswith("tests/") and any(_names(constant, names) for constant in _constants(text))
    }
    for test in filter(is_test, sources):
        if naming & _helpers(graph, test):
            yield test


def _helpers(graph: Mapping[str, set[str]], test: str) -> set[str]:
    """A test module with all those under tests/ that it imports, directly or not."""
    found, ring = {test}, {test}
    while ring:
        ring = {each for file in ring for each in graph[file] if each.startswith("tests/")} - found
        found |= ring
    return found


def _names(constant: str, names: set[str]) -> bool:
    return constant in names or any(constant.startswith(f"{name}/") for name in names)


@cache
def _constants(text: str) -> frozenset[str]:
    return frozenset(
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 100
    )


def _module(name: str) -> str:
    return ".".join(PurePosixPath(name).with_suffix("").parts).removesuffix(".__init__")


def _imported(text: str, module: str, known: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            # `from package import module` needs the module, and the package only for what else it has
            names = [inner if (inner := f"{base}.{alias.name}") in known else base for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # as in `pytest_plugins`
            names = [node.value] if "." in node.value else []
        else:
            continue
        yield from (known[name] for name in names if name in known)
