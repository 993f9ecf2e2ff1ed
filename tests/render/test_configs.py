"""Config files say what is documented: one value, one place, and the real programs accept the file."""

import difflib
import grp
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jinja2 import UndefinedError

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import examine
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.rules.facts import rendered_facts
from scaling_guide.model.target import Target
from scaling_guide.render.configs import render
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.nginx.target import NginxTarget

DATA = Path(__file__).parents[2] / "data"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def read(data: Path, root: Path = Path("/tmp/lab")) -> Guide:
    guide, _ = examine(data, {"net": "127.42.0", "root": str(root), "repo": str(DATA.parent), "user": "me"})
    assert guide is not None
    return guide


GUIDE = read(DATA)
LAB = GUIDE.environments["lab"]
LOAD_BALANCERS = ("nginx", "haproxy")

Rendered = dict[tuple[str, str, TierName, str], str]


def everything(guide: Guide, **overrides: Any) -> Rendered:
    """Every config file of every environment, target and tier."""
    return {
        (environment.name, target.id, tier, name): text
        for environment in guide.environments.values()
        for target in environment.targets.values()
        for tier in TIERS
        for name, text in render(guide, environment, target, tier, overrides).items()
    }


def changed_lines(before: str, after: str) -> list[str]:
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in diff if line[0] in "+-" and line[:3] not in ("+++", "---")]


class TestOneValueInTheData:
    """A value changed in the YAML of the guide changes the files that it applies to and nothing else."""

    @pytest.fixture
    def change(self, tmp_path: Path):
        def files_changed(fact_id: str, old: str, new: str) -> dict[tuple[str, str, str, str], list[str]]:
            data = shutil.copytree(DATA, tmp_path / "data")
            guide = read(data)
            before, fact = everything(guide), guide.facts[fact_id]
            lines = fact.at.path.read_text("utf-8").splitlines(keepends=True)
            number = fact.place("expect").line - 1
            assert old in lines[number]
            lines[number] = lines[number].replace(old, new)
            fact.at.path.write_text("".join(lines), "utf-8")
            after = everything(read(data))
            assert before.keys() == after.keys()
            differing = {key: changed_lines(before[key], after[key]) for key in before}
            return {key: lines for key, lines in differing.items() if lines}

        return files_changed

    def test_changes_one_line_of_the_systems_file_on_every_tier(self, change) -> None:
        value = GUIDE.facts["nginx-shutdown-timeout"].value("small")
        changed = change("nginx-shutdown-timeout", value, "47s")
        assert set(changed) == {
            (environment.name, target.id, tier, "nginx.conf")
            for environment in GUIDE.environments.values()
            for target in environment.targets.values()
            if isinstance(target, NginxTarget)
            for tier in TIERS
        }
        assert {tuple(lines) for lines in changed.values()} == {
            (f"-worker_shutdown_timeout {value};", "+worker_shutdown_timeout 47s;")
        }

    def test_of_one_tier_changes_that_tier_only(self, change) -> None:
        value = GUIDE.facts["haproxy-maxconn"].value("medium")
        changed = change("haproxy-maxconn", f"medium: {value}", "medium: 9999")
        assert {(tier, name) for _, _, tier, name in changed} == {("medium", "haproxy.cfg")}
        assert {tuple(lines) for lines in changed.values()} == {
            (f"-    maxconn {value}", "+    maxconn 9999")
        }


def files_using(fact_id: str) -> list[tuple[str, str]]:
    """System and template of the files whose template names the fact."""
    return [
        (path.parent.name, path.stem)
        for path in sorted((DATA / "templates").glob("*/*.j2"))
        if f"v['{fact_id}']" in path.read_text("utf-8")
    ]


USES = [(fact_id, *use) for fact_id in rendered_facts(DATA) for use in files_using(fact_id)]


def test_templates_use_facts_of_every_system_with_a_template() -> None:
    assert {system for _, system, _ in USES} == {path.name for path in (DATA / "templates").iterdir()}


@pytest.mark.parametrize(("fact_id", "system", "name"), USES, ids=[f"{use[1]}-{use[0]}" for use in USES])
def test_a_file_takes_the_value_from_the_fact(fact_id: str, system: str, name: str) -> None:
    fact = GUIDE.facts[fact_id]
    target = next(each for each in LAB.of(system) if not fact.roles or each.role in fact.roles)
    before = render(GUIDE, LAB, target)[name]
    value = fact.used(LAB.tier)
    if value == "on":
        # a file may spell a switch otherwise, as `no option`
        assert render(GUIDE, LAB, target, overrides={fact_id: "off"})[name] != before
        return
    other = ["other-one", "other-two"] if isinstance(value, list) else "other-one"
    after = render(GUIDE, LAB, target, overrides={fact_id: other})[name]
    added = [line for line in changed_lines(before, after) if line.startswith("+")]
    assert added
    assert all("other-" in line for line in added)


@pytest.mark.parametrize("system", LOAD_BALANCERS)
def test_every_setting_read_from_a_config_file_is_rendered_into_it(system: str) -> None:
    probe = {"nginx": "nginx_config", "haproxy": "haproxy_config"}[system]
    used = {fact_id for fact_id, of, _ in USES if of == system}
    facts = [fact for fact in GUIDE.facts.values() if fact.probe is probe and not fact.mutations]
    assert [fact.id for fact in facts if fact.id not in used] == []


@pytest.mark.parametrize("system", LOAD_BALANCERS)
@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{{ v['nobody-wrote-this'] }}", "nobody-wrote-this"),
        ("{% if target.nobody %}{% endif %}", "nobody"),
    ],
    ids=["a value that is not documented", "a name that is not defined"],
)
def test_what_a_template_asks_for_in_vain_is_an_error(
    system: str, line: str, named: str, tmp_path: Path
) -> None:
    data = shutil.copytree(DATA, tmp_path / "data")
    template = next((data / "templates" / system).glob("*.j2"))
    template.write_text(f"{template.read_text('utf-8')}{line}\n", "utf-8")
    with pytest.raises(UndefinedError, match=named):
        render(read(data), LAB, LAB.of(system)[0])


@pytest.mark.parametrize(
    ("version", "own_directive"),
    [("1.22", False), ("1.25", False), ("1.25.0", False), ("1.25.1", True), ("1.30", True), ("2.0", True)],
)
def test_http2_is_switched_on_as_the_version_knows_it(version: str, own_directive: bool) -> None:
    target = LAB.of("nginx")[0].model_copy(update={"version": version})
    text = render(GUIDE, LAB, target)["nginx.conf"]
    assert ("http2 on;" in text) is own_directive
    assert ("ssl http2;" in text) is not own_directive


def test_the_port_stands_in_redirects_only_where_it_is_not_443() -> None:
    for system in LOAD_BALANCERS:
        target = LAB.of(system)[0]
        (odd,) = render(GUIDE, LAB, target).values()
        (usual,) = render(GUIDE, LAB, target.model_copy(update={"https": 443})).values()
        assert f"https://{LAB.site}:8443" in odd
        assert f"https://{LAB.site}:" not in usual
        assert f"https://{LAB.site}" in usual


def test_no_value_is_rendered_in_the_form_of_python() -> None:
    form = re.compile(r"\b(None|True|False)\b|(?<!array)\[['\"]")
    found = {key: form.findall(text) for key, text in everything(GUIDE).items() if form.search(text)}
    assert found == {}


@dataclass(frozen=True)
class Place:
    """A directory in which the programs find all that a config file names."""

    guide: Guide
    environment: Environment

    def target(self, system: str) -> Target:
        return self.environment.of(system)[0]


def certificate(name: str) -> tuple[bytes, bytes]:
    """A certificate for `name`, signed by itself, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("root")
    guide = read(DATA, root)
    environment = guide.environments["lab"]
    chain, key = certificate(environment.site)
    for target in (*environment.of("nginx"), *environment.of("haproxy")):
        assert isinstance(target, NginxTarget | HaproxyTarget)
        Path(target.certificate).parent.mkdir(parents=True, exist_ok=True)
        Path(target.directory).mkdir(exist_ok=True)
        if isinstance(target, NginxTarget):
            Path(target.logs).mkdir(exist_ok=True)
            Path(target.certificate).write_bytes(chain)
            Path(target.certificate_key).write_bytes(key)
        else:
            Path(target.certificate).write_bytes(chain + key)
    yield Place(guide, environment)
    shutil.rmtree(root)


def complaints(target: Target, text: str) -> str:
    """What the program itself says against a config file; nothing where it accepts it."""
    assert isinstance(target, NginxTarget | HaproxyTarget)
    config = Path(target.config)
    config.write_text(text, "utf-8")
    binary = shutil.which(target.binary, path=PATH)
    assert binary is not None, f"{target.binary} is not installed: run `make setup`"
    check = ["-t", "-q", "-p", target.directory, "-c"] if isinstance(target, NginxTarget) else ["-c", "-f"]
    ran = subprocess.run(
        [binary, *check, str(config)], capture_output=True, text=True, timeout=20, check=False
    )
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr or "refused"


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("system", LOAD_BALANCERS)
def test_the_program_accepts_the_file_of_every_tier(place: Place, system: str, tier: TierName) -> None:
    target = place.target(system)
    (text,) = render(place.guide, place.environment, target, tier).values()
    assert complaints(target, text) == ""


@pytest.mark.parametrize("system", LOAD_BALANCERS)
def test_the_program_accepts_the_file_with_a_user_to_run_as(place: Place, system: str) -> None:
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    target = place.target(system).model_copy(update={"user": user})
    (text,) = render(place.guide, place.environment, target).values()
    assert f"user {user}" in text
    assert complaints(target, text.replace(f"group {user}", f"group {group}")) == ""


@pytest.mark.parametrize("system", LOAD_BALANCERS)
def test_the_program_refuses_a_value_that_makes_no_sense(place: Place, system: str) -> None:
    target = place.target(system)
    nonsense = {"nginx": "nginx-connect-timeout", "haproxy": "haproxy-connect-timeout"}[system]
    (text,) = render(place.guide, place.environment, target, overrides={nonsense: "soonish"}).values()
    assert "timeout" in complaints(target, text)
