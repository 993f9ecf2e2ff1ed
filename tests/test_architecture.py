"""The house: imports go one way, files stand where their mirror says, and checks hold no values."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from scaling_guide.model.systems import systems
from tests.verify.observations import guide

REPO = Path(__file__).parents[1]

# each floor stands on those below it; rooms on one floor do not know each other
FLOORS = (("model",), ("capacity", "render", "probes"), ("verify",), ("lab",), ("cli", "macros", "checks"))
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# the program itself, on top of all
FLOOR["start"] = len(FLOORS)

# the part of a system's package decides which floors of the engine it may stand on; all others may observe
PARTS = {"about": "model", "target": "model", "plans": "model", "capacity": "verify", "commands": "verify"}
PARTS |= dict.fromkeys(("server", "driver", "mutations", "state", "measurements", "rig"), "cli")
PARTS |= dict.fromkeys(("host", "identities", "program", "standin"), "cli")

Graph = Mapping[str, set[str]]


# ---------------------------------------------------------------------------------------------------- imports


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    paths = [path for top in ("scaling_guide", "macros", "checks") for path in (REPO / top).rglob("*.py")]
    return {
        ".".join(path.relative_to(REPO).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def imported(source: str, module: str, known: Iterable[str]) -> set[str]:
    """The modules among `known` that `source` imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            names |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    found = names & set(known)
    # `from package import module` names the package only to get at the module
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)} - {module}


def room(module: str) -> str:
    """The package that a module belongs to, as the floors name it; `systems/<name>` for that of a product."""
    parts = module.split(".")
    if parts[:2] == ["scaling_guide", "systems"] and len(parts) > 2:
        return f"systems/{parts[2]}"
    return parts[1] if parts[0] == "scaling_guide" and len(parts) > 1 else parts[0]


def floor(module: str) -> int:
    """The floor of an engine module; for a part of a system, the first one that it may not import."""
    if not room(module).startswith("systems/"):
        return FLOOR[room(module)]
    part = module.split(".")[3] if module.count(".") > 2 else "about"
    return FLOOR[PARTS.get(part, "verify")] if part not in ("about", "target", "plans") else 1


def upward(graph: Graph) -> list[str]:
    """Imports that do not go down, and those of a product by the engine or by another product."""
    return [
        f"{module} imports {other}"
        for module, others in sorted(graph.items())
        for other in sorted(others)
        if room(module) != room(other) and not _is_allowed(module, other)
    ]


def _is_allowed(module: str, other: str) -> bool:
    mine, its = room(module), room(other)
    if its.startswith("systems/"):
        if mine.startswith("systems/"):
            return its.removeprefix("systems/") in uses(mine.removeprefix("systems/"))
        return mine in FLOORS[-1]
    return floor(other) < floor(module)


def uses(name: str) -> tuple[str, ...]:
    """The packages that a system declares to import; roles that several products share may use none."""
    return systems()[name].uses if name in systems() else ()


def circles(graph: Graph) -> list[list[str]]:
    """Modules that import themselves by way of others, each circle once."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> None:
        if module in way:
            found.append([*way[way.index(module) :], module])
        elif module not in done:
            for other in sorted(graph.get(module, ())):
                visit(other, [*way, module])
            done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found


@pytest.fixture(scope="module")
def graph() -> Graph:
    known = modules()
    return {module: imported(path.read_text("utf-8"), module, known) for module, path in known.items()}


def test_imports_go_down(graph: Graph) -> None:
    assert upward(graph) == []


def test_no_module_imports_itself_by_way_of_others(graph: Graph) -> None:
    assert circles(graph) == []


def test_every_package_has_its_floor(graph: Graph) -> None:
    rooms = {room(module) for module in graph if not room(module).startswith("systems/")}
    assert rooms - FLOOR.keys() == {"scaling_guide", "systems"}


def test_no_system_declares_an_import_that_it_does_not_have(graph: Graph) -> None:
    used: dict[str, set[str]] = {name: set() for name in systems()}
    for module, others in graph.items():
        name = room(module).removeprefix("systems/")
        if name in used:
            used[name] |= {room(each) for each in others} - {room(module)}
    declared = {name: {f"systems/{each}" for each in system.uses} for name, system in systems().items()}
    assert {
        name: {each for each in rooms if each.startswith("systems/")} for name, rooms in used.items()
    } == declared


# the application is what is scaled, and Linux what the guide itself runs on
PRODUCTS = sorted(systems().keys() - {"app", "linux"})


def test_the_engine_names_no_product() -> None:
    names = re.compile("|".join(PRODUCTS), re.IGNORECASE)
    engine = [room for rooms in FLOORS[:-1] for room in rooms]
    found = [
        f"{path.relative_to(REPO)}:{number}: {line.strip()}"
        for name in engine
        for path in sorted((REPO / "scaling_guide" / name).rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if names.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "other", "wrong"),
    [
        ("scaling_guide.model.load", "scaling_guide.verify.check", True),
        ("scaling_guide.render.configs", "scaling_guide.probes.observe", True),
        ("scaling_guide.verify.plugin", "scaling_guide.lab.layout", True),
        ("scaling_guide.lab.fleet", "scaling_guide.cli.lab", True),
        ("macros.topic", "scaling_guide.cli.console", True),
        ("scaling_guide.lab.fleet", "scaling_guide.systems.redis.server", True),
        ("scaling_guide.systems.redis.probe", "scaling_guide.lab.layout", True),
        ("scaling_guide.systems.redis.target", "scaling_guide.probes.probe", True),
        ("scaling_guide.systems.memcached.server", "scaling_guide.systems.redis.server", True),
        ("scaling_guide.systems.sentinel.server", "scaling_guide.systems.redis.server", False),
        ("scaling_guide.systems.redis.server", "scaling_guide.lab.layout", False),
        ("macros.supabase", "scaling_guide.systems.supabase.plans", False),
        ("scaling_guide.lab.proof.run", "scaling_guide.verify.run", False),
        ("scaling_guide.model.load", "scaling_guide.model.guide", False),
        ("macros.topic", "scaling_guide.model.facts", False),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(module: str, other: str, wrong: bool) -> None:
    assert upward({module: {other}}) == ([f"{module} imports {other}"] if wrong else [])


def test_a_circle_is_found_however_long() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c", "a"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize(
    "source",
    [
        "import scaling_guide.verify.run",
        "from scaling_guide.verify import run",
        "from scaling_guide.verify.run import verify",
        "from ..verify import run",
        "def late():\n    from scaling_guide.verify.run import verify",
        "if TYPE_CHECKING:\n    from scaling_guide.verify import run as other",
    ],
)
def test_an_import_is_found_in_every_form(source: str) -> None:
    known = ("scaling_guide.verify", "scaling_guide.verify.run", "scaling_guide.model.load")
    assert imported(source, "scaling_guide.model.load", known) == {"scaling_guide.verify.run"}


# ----------------------------------------------------------------------------------------------------- mirror


def names(folder: str, pattern: str, beginning: str = "") -> set[str]:
    """The files of a folder as `section/name`, without ending and `beginning`."""
    paths = (path.relative_to(REPO / folder) for path in (REPO / folder).glob(pattern))
    return {(path.parent / path.stem.removeprefix(beginning)).as_posix() for path in paths}


def topics(names: Iterable[str]) -> set[str]:
    """Those of a section of the guide that are not the page of the section itself."""
    sections = {section.id for section in guide().sections}
    return {
        name for name in names if name.partition("/")[0] in sections and name.partition("/")[2] != "index"
    }


def test_a_topic_is_three_files_at_the_same_path() -> None:
    data = names("data/topics", "*/*.yml")
    assert data
    assert topics(names("docs", "*/*.md")) == data
    assert topics(names("checks", "*/test_*.py", "test_")) == data


def test_a_runbook_is_three_files_of_the_same_name() -> None:
    data = names("data/runbooks", "*.yml")
    assert data
    assert names("docs/runbooks", "*.md") - {"index"} == data
    assert names("checks/runbooks", "test_*.py", "test_") == data


def test_there_are_no_other_checks() -> None:
    owners = names("data/topics", "*/*.yml") | {
        f"runbooks/{name}" for name in names("data/runbooks", "*.yml")
    }
    assert names("checks", "**/test_*.py", "test_") == owners


def test_a_topic_has_a_place_in_the_table_of_contents() -> None:
    listed = {f"{section.id}/{topic.id}" for section in guide().sections for topic in section.topics}
    assert names("data/topics", "*/*.yml") - listed == set()
    assert len(listed) == 37


def test_the_navigation_lists_every_page() -> None:
    nav = (REPO / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2].partition("\nvalidation:")[0]
    listed = re.findall(r"(?:- |: )(\S+\.md)$", nav, re.MULTILINE)
    pages = {path.relative_to(REPO / "docs").as_posix() for path in (REPO / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(pages)


# ----------------------------------------------------------------------------------------------------- checks


def literals(source: str) -> list[object]:
    """The values typed in a source, its docstrings aside."""
    tree = ast.parse(source)
    documented = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    return [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in documented
    ]


CHECKS = sorted((REPO / "checks").glob("*/test_*.py"))


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_check_holds_no_value_and_judges_what_its_page_says(path: Path) -> None:
    source = path.read_text("utf-8")
    assert literals(source) == []
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    name = "test_phase" if path.parent.name == "runbooks" else "test_documented_fact"
    assert [function.name for function in functions] == [name]
    for function in functions:
        assert [argument.arg for argument in function.args.args] == ["check"]
        assert [ast.unparse(statement) for statement in function.body] == ["check.holds()"]


def test_a_typed_value_is_found() -> None:
    source = '"""Words."""\n\ndef test_it(check):\n    """More."""\n    check.holds(4096)\n    x = "on"\n'
    assert sorted(map(str, literals(source))) == ["4096", "on"]


# ------------------------------------------------------------------------------------------------- every file


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every file that belongs to the project."""
    tops = ("checks", "data", "docs", "macros", "overrides", "scaling_guide", "tests", "tools")
    paths = [path for top in tops for path in (REPO / top).rglob("*") if path.is_file()]
    paths += [
        path for path in REPO.iterdir() if path.is_file() and path.suffix in (".md", ".toml", ".yml", "")
    ]
    for path in sorted(paths):
        if "__pycache__" not in path.parts and (REPO / "docs" / "downloads") not in path.parents:
            yield path.relative_to(REPO).as_posix(), path.read_text("utf-8", errors="replace")


REGISTRY = re.compile(
    r"https?://[^\s\"')]*(?:pypi\.|pythonhosted|npmjs|registry|artifactory|nexus|/simple/)"
    r"|index-url[ =]+\S*:/"
)


def test_no_file_names_a_package_registry() -> None:
    here = Path(__file__).relative_to(REPO).as_posix()
    assert [name for name, text in texts() if name != here and REGISTRY.search(text)] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("https://pypi.org/simple/", True),
        ("--index-url https://mirror.example.com", True),
        ("http://proxy.example.com/simple/typer", True),
        ("--no-emit-index-url --system-certs", False),
        ("https://nginx.org/en/docs/", False),
    ],
)
def test_a_registry_is_recognized(line: str, found: bool) -> None:
    assert bool(REGISTRY.search(line)) is found


def test_no_file_names_the_place_where_it_was_written() -> None:
    # a path as short as /app is an ordinary word as well
    place = f"{REPO}/" if len(REPO.parts) > 2 else str(Path(__file__))
    assert [name for name, text in texts() if place in text] == []
