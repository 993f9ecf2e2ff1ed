"""No secret leaves the file that it is kept in: each is known here, and every artefact is searched for it.

A lab makes its own passwords, tokens and keys, long and by chance, so each is a canary. The lab is used for
everything that leaves something behind, and verified once more with wrong secrets in the checker's files.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from scaling_guide.model.load import load
from scaling_guide.model.results import Run
from scaling_guide.render.alerts import alert_rules
from scaling_guide.render.incident_pack import incident_pack
from scaling_guide.systems.postgres import identities
from tests.numbers import own_number

REPO = Path(__file__).parents[2]
GUIDE = str(Path(sys.executable).with_name("guide"))
SECONDS = 300

pytestmark = pytest.mark.lab
# the pages that show what a run found
PAGES = ("verification.md", "proof.md", "database-scaling/caching.md", "performance/database-queries.md")


@dataclass
class Artefacts:
    """Everything that was left behind, name to text, and the secrets that must not be in it."""

    secrets: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, text: str) -> None:
        self.texts[name] = text

    def keep_files(self, name: str, directory: Path, pattern: str = "**/*") -> None:
        for path in sorted(directory.glob(pattern)):
            if path.is_file():
                self.keep(f"{name}: {path.relative_to(directory)}", path.read_text("utf-8", "replace"))

    def tellers(self) -> list[str]:
        """`artefact tells secret`, for each that does."""
        return [
            f"{name} tells {secret}"
            for name, text in self.texts.items()
            for secret, value in self.secrets.items()
            if value in text
        ]


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artefacts]:
    left, out = Artefacts(), tmp_path_factory.mktemp("left")
    with own_number() as where:
        with command_lines(left, "arguments while the lab starts"):
            lifecycle.up(where.number, "medium")
        left.secrets |= secrets_of(where)
        lab = f"--lab={where.number}"
        with command_lines(left, "arguments while it is verified"):
            run(left, "verify", "--env=lab", lab, f"--out={out}/verify", f"--save={out}/observations.json")
        run(left, "explain", "postgres-password-in-conninfo", "--env=lab", lab)
        with command_lines(left, "arguments while it is broken"):
            run(left, "lab", "mutate", "--target=supabase-stand-in", lab, f"--out={out}/proof")
        # of a part it is written beside the whole, which the site shows
        next(out.glob("proof/kill-matrix*.json")).rename(out / "proof" / "kill-matrix.json")
        with wrong_passwords(where) as wrong:
            left.secrets |= wrong
            run(left, "verify", "--env=lab", lab, f"--out={out}/refused", f"--save={out}/refused.json")
        left.keep_files("reports", out)
        render(left, where, out)
        left.keep_files("logs", where.root / "logs")
        for name in ("state.json", "nginx/nginx.conf", "pgbouncer/pgbouncer.ini", "app-1/app.env"):
            left.keep(f"lab: {name}", (where.root / name).read_text())
        yield left


def secrets_of(where: Lab) -> dict[str, str]:
    """Every secret of a lab that is up, by where it is kept."""
    found = {f"passwords/{path.name}": path.read_text().strip() for path in where.root.glob("passwords/*")}
    for path in where.root.glob("pgpass/*.pgpass"):
        found[f"pgpass/{path.name}"] = path.read_text().strip().rpartition(":")[2]
    for role, verifier in identities.verifiers(where).items():
        found[f"verifier of {role}"] = verifier.rpartition("$")[2]
    found["session.key"] = (where.root / "session.key").read_text().strip()
    for path in (*where.root.glob("ca/*.key"), *where.root.glob("*/tls/*")):
        for number, block in enumerate(_KEY.findall(path.read_text())):
            found[f"{path.relative_to(where.root)} {number}"] = block.splitlines()[1]
    return found


_KEY = re.compile(r"PRIVATE KEY-----\n(.*?)\n-----END", re.S)


@contextmanager
def wrong_passwords(where: Lab) -> Iterator[dict[str, str]]:
    """Other secrets in the checker's files, so that every server refuses them, and says so."""
    files = [where.root / "passwords" / name for name in ("redis-checker", "supabase-token")]
    files.append(identities.passfile(where, "scaling_ro"))
    kept = {path: path.read_text() for path in files}
    wrong = {f"wrong {path.name}": f"wrong-{path.name}-{os.urandom(8).hex()}" for path in files}
    for path in files:
        before = kept[path].strip().rpartition(":")[2]
        path.write_text(kept[path].replace(before, wrong[f"wrong {path.name}"]))
    try:
        yield wrong
    finally:
        for path, text in kept.items():
            path.write_text(text)


def run(left: Artefacts, *arguments: str) -> None:
    """Run a command of the guide and keep what it prints, whatever it ends with."""
    done = subprocess.run((GUIDE, *arguments), cwd=REPO, capture_output=True, text=True, timeout=SECONDS)
    words = [each for each in arguments if not each.startswith("--")]
    number = sum(name.startswith(f"printed by {' '.join(words)}") for name in left.texts)
    left.keep(f"printed by {' '.join(words)} ({number})", done.stdout + done.stderr)
    assert done.returncode in (0, 1, 10), done.stderr


def render(left: Artefacts, where: Lab, out: Path) -> None:
    """The alert rules, the incident pack, and the pages of the site that show a run."""
    guide = load(REPO / "data", where.variables)
    left.keep("alert rules", alert_rules(guide))
    results = Run.read(out / "verify" / "results.json")
    for name, text in incident_pack(guide, guide.environments["lab"], results, date.today()).items():
        left.keep(f"incident pack: {name}", text)
    # not named docs: the data is not to be held against pages that hold nothing
    source = out / "source"
    for path in (REPO / "docs").rglob("*.md"):
        page = path.relative_to(REPO / "docs")
        (source / "pages" / page).parent.mkdir(parents=True, exist_ok=True)
        # the others are there to be linked to
        text = path.read_text() if page.as_posix() in PAGES else f"# {page.stem}\n"
        (source / "pages" / page).write_text(text)
    for name in ("macros", "data"):
        (source / name).symlink_to(REPO / name)
    (source / "pages" / "assets").symlink_to(REPO / "docs" / "assets")
    (source / "mkdocs.yml").write_text(
        f"INHERIT: {REPO}/mkdocs.yml\ndocs_dir: pages\nstrict: false\nwatch: []\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(REPO), "SG_BUILD": str(out), "NO_MKDOCS_2_WARNING": "1"}
    command = (sys.executable, "-m", "mkdocs", "build", "--site-dir", str(out / "site"))
    built = subprocess.run(
        command, cwd=source, env=variables, capture_output=True, text=True, timeout=SECONDS
    )
    assert built.returncode == 0, built.stderr
    left.keep_files("site", out / "site", "**/*.html")
    left.keep_files("site", out / "site", "**/*.json")


@contextmanager
def command_lines(left: Artefacts, name: str) -> Iterator[None]:
    """Keep the arguments of every process that there is meanwhile, as everybody may read them."""
    over, seen = threading.Event(), set[bytes]()

    def look() -> None:
        while not over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    seen.add((process / "cmdline").read_bytes())
                except OSError:
                    continue

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join(5)
        left.keep(name, b"\n".join(sorted(seen)).replace(b"\0", b" ").decode("utf-8", "replace"))


def test_the_secrets_of_every_server_are_known(artefacts: Artefacts) -> None:
    known = {re.sub(" [0-9]+$", "", name) for name in artefacts.secrets}
    passwords = ("app", "checker", "operator", "replica", "sentinel")
    assert known >= {f"passwords/redis-{name}" for name in passwords}
    assert known >= {"passwords/supabase-token", "passwords/supabase-operator-token", "session.key"}
    assert known >= {f"pgpass/{role}.pgpass" for role in identities.ROLES}
    assert known >= {f"verifier of {role}" for role in identities.ROLES}
    assert known >= {"ca/intermediate.key", "nginx/tls/app.lab.test.key", "haproxy/tls/app.lab.test.pem"}
    assert min(map(len, artefacts.secrets.values())) > 20


@pytest.mark.parametrize(
    "left",
    [
        *("reports: verify/results.json", "reports: verify/junit.xml", "reports: verify/summary.md"),
        *("reports: verify/metrics.prom", "reports: observations.json", "reports: proof/kill-matrix.json"),
        *("reports: refused/results.json", "reports: refused.json", "alert rules", "printed by verify (0)"),
        *("printed by verify (1)", "printed by lab mutate (0)", "incident pack: README.md"),
        *("incident pack: configs/redis-sessions/users.acl", "site: verification/index.html"),
        *("site: proof/index.html", "logs: pgbouncer.log", "logs: postgres-primary.log"),
        *("arguments while it is verified", "arguments while the lab starts", "lab: state.json"),
    ],
)
def test_there_is_something_to_search(artefacts: Artefacts, left: str) -> None:
    assert artefacts.texts[left].strip()


def test_the_wrong_passwords_were_refused(artefacts: Artefacts) -> None:
    told = json.loads(artefacts.texts["reports: refused/results.json"])["counts"]
    assert told["unreachable"] > 200


def test_no_artefact_tells_a_secret(artefacts: Artefacts) -> None:
    assert artefacts.tellers() == []


def test_the_search_would_find_one(artefacts: Artefacts) -> None:
    for name, secret in artefacts.secrets.items():
        found = Artefacts({name: secret}, {"report": f"password={secret}\n"})
        assert found.tellers() == [f"report tells {name}"]
