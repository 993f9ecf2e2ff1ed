"""The site, built once as it is served and once as it is read from disk."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from mkdocs.__main__ import cli as mkdocs
from playwright.sync_api import Browser, sync_playwright

from macros.knowledge import known
from scaling_guide.model.outcome import ExitCode, Outcome
from tests.macros.small_guide import make_check, make_mutant, write_proof, write_run
from tests.site import gates

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
SILENT = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def build(source: Path, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build the site whose mkdocs.yml is in `source` into `out`, as CI does: strict and not quiet."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1", **environment}
    return subprocess.run(command, cwd=source, env=variables, capture_output=True, text=True, timeout=120)


@dataclass(frozen=True)
class Built:
    """How a build in this process ended: its exit code, and all that it wrote."""

    returncode: int
    text: str


def build_here(source: Path, out: Path, **environment: str) -> Built:
    """Build like `build`, within this process, where the data is read once for all builds."""
    arguments = ("build", "--strict", "--config-file", str(source / "mkdocs.yml"), "--site-dir", str(out))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(source)
        ended = CliRunner().invoke(mkdocs, arguments, env={"NO_MKDOCS_2_WARNING": "1", **environment})
    return Built(ended.exit_code, f"{ended.output}\n{ended.exception or ''}")


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of every fact in every outcome, so that the pages under test show each of them."""
    directory = tmp_path_factory.mktemp("build")
    facts = list(known(ROOT / "data", directory).guide.facts.values())
    looked_at = facts[1:]
    checks = [
        make_check(fact, outcome, message=f"{fact.setting} is not as documented")
        for fact, outcome in zip(looked_at, cycle(Outcome), strict=False)
    ]
    checks[0]["digest"] = "of an older record"
    write_run(directory / "verify" / "lab", checks, exit_code=ExitCode.DRIFT)
    mutants = cycle([make_mutant(), make_mutant("absent", only=False, change="no-blank-in-it:" * 40)])
    matrix = {f"{fact.id}@nginx": [next(mutants)] for fact in looked_at}
    write_proof(directory / "proof" / "kill-matrix.json", matrix)
    return directory


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, reports: Path) -> Path:
    """The site as it is served, with reports on its pages."""
    return _built(tmp_path_factory.mktemp("served"), SG_BUILD=str(reports))


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as it is read from disk, before anybody verified anything."""
    no_reports = tmp_path_factory.mktemp("no-reports")
    return _built(tmp_path_factory.mktemp("offline"), SG_BUILD=str(no_reports), OFFLINE="true")


@pytest.fixture(scope="session", params=["served", "offline"])
def site(request: pytest.FixtureRequest) -> Path:
    """Each of the two builds."""
    return Path(request.getfixturevalue(request.param))


@pytest.fixture
def small_site(tmp_path: Path) -> Path:
    """A copy of the site that has a front page only, to be broken by a test."""
    source = tmp_path / "source"
    (source / "pages").mkdir(parents=True)
    (source / "macros").symlink_to(ROOT / "macros")
    (source / "data").mkdir()
    for path in (ROOT / "data").iterdir():
        # questions and messages lead to headings of the pages that this site does not have
        if path.name not in ("questions", "messages"):
            (source / "data" / path.name).symlink_to(path)
    (source / "pages" / "assets").symlink_to(ROOT / "docs" / "assets")
    (source / "mkdocs.yml").write_text(
        f"INHERIT: {ROOT}/mkdocs.yml\ndocs_dir: pages\nwatch: []\nnav: [index.md]\n"
    )
    (source / "pages" / "index.md").write_text("# Home\n")
    return source


def _built(out: Path, **environment: str) -> Path:
    result = build(ROOT, out, **environment)
    assert result.returncode == 0, result.stderr
    return out.resolve()


@dataclass(frozen=True)
class Browsed:
    """A built site and the address at which the browser finds it."""

    directory: Path
    base: str

    def addresses(self) -> list[str]:
        """Every page."""
        paths = [page.path.relative_to(self.directory) for page in gates.pages(self.directory)]
        return [self.base + path.as_posix() for path in paths]

    def address(self, name: str) -> str:
        """One page, by its path in docs/ without the ending."""
        files = (f"{name}/index.html", f"{name}.html")
        return self.base + next(file for file in files if (self.directory / file).is_file())


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SILENT)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def over_http(served: Path) -> Iterator[Browsed]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Browsed(served, f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()


@pytest.fixture(scope="session")
def from_disk(offline: Path) -> Browsed:
    return Browsed(offline, f"{offline.as_uri()}/")


@pytest.fixture(scope="session", params=["over_http", "from_disk"])
def browsed(request: pytest.FixtureRequest) -> Browsed:
    """Each of the two builds, where a reader would open it."""
    browsed: Browsed = request.getfixturevalue(request.param)
    return browsed
