"""The incident pack holds what someone on call needs, without the site and without the guide."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from scaling_guide.model.load import examine
from scaling_guide.model.results import Run
from scaling_guide.render import configs
from scaling_guide.render.commands import phase_commands, situation
from scaling_guide.render.incident_pack import incident_pack, runbook_text
from scaling_guide.render.procedure import Procedure
from tests.macros.small_guide import make_check

DATA = Path(__file__).parents[2] / "data"
GUIDE, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent), "user": "me"})
assert GUIDE is not None
PRODUCTION = GUIDE.environments["production"]
TODAY = date(2026, 11, 24)
PACK = incident_pack(GUIDE, PRODUCTION, None, TODAY)


@pytest.mark.parametrize("name", GUIDE.runbooks)
def test_a_runbook_has_the_very_commands_that_are_rehearsed(name: str) -> None:
    runbook, text = GUIDE.runbooks[name], PACK[f"runbooks/{name}.md"]
    blocks = [
        re.sub("^ {3}", "", block, flags=re.MULTILINE)
        for block in re.findall(r"^ {3}```sh\n(.*?)\n {3}```$", text, re.MULTILINE | re.DOTALL)
    ]
    found = situation(GUIDE, PRODUCTION, runbook)
    for phase in runbook.phases:
        for command in phase_commands(found, phase):
            printed = Procedure(found).printed(command)
            assert printed.run in blocks
            assert printed.wait is None or printed.wait in blocks


@pytest.mark.parametrize("name", GUIDE.runbooks)
def test_a_runbook_says_what_to_see_to_do_and_to_expect(name: str) -> None:
    runbook, text = GUIDE.runbooks[name], PACK[f"runbooks/{name}.md"]
    said = [runbook.symptom, *runbook.alerts, *runbook.afterwards]
    said += [finding.do for finding in runbook.diagnose] + [look.abnormal for look in runbook.confirm]
    said += [step.do for phase in runbook.phases.values() for step in phase.steps]
    said += [GUIDE.facts[id].label for phase in runbook.phases.values() for id in phase.checks]
    assert [sentence for sentence in said if sentence not in text] == []


def test_the_first_page_leads_from_every_alert_and_symptom_to_its_runbook() -> None:
    first = PACK["README.md"]
    for threshold in GUIDE.thresholds.values():
        title = GUIDE.runbooks[threshold.runbook].title
        assert f"- {threshold.alert}: [{title}](runbooks/{threshold.runbook}.md)" in first
    for runbook in GUIDE.runbooks.values():
        assert f"- {runbook.symptom} [{runbook.title}](runbooks/{runbook.id}.md)" in first
    assert [link for link in re.findall(r"\]\((.*?)\)", first) if link not in PACK] == []


def test_rules_and_config_files_come_along() -> None:
    assert yaml.safe_load(PACK["alerts.yml"])["groups"]
    for target in PRODUCTION.targets.values():
        for name, text in configs.render(GUIDE, PRODUCTION, target).items():
            assert PACK[f"configs/{target.id}/{name}"] == text


def test_what_nobody_verified_is_unknown() -> None:
    assert "Unknown: no verification of this environment is recorded." in PACK["README.md"]
    assert "results.json" not in PACK


def test_the_last_run_is_told_and_comes_along() -> None:
    fact = GUIDE.facts["haproxy-retries"]
    drift = make_check(fact, "fail", "lb-2", message="lb-2: maxconn is 10, expected at least 8,000")
    at = {"started": "2026-11-24T04:59:00Z", "finished": "2026-11-24T05:00:00Z"}
    checks = [make_check(fact, message="all is well"), drift]
    run = Run.model_validate({"environment": "production", "tier": "medium", **at, "checks": checks})
    pack = incident_pack(GUIDE, PRODUCTION, run, TODAY)
    assert "The last run ended at 2026-11-24T05:00:00Z: 1 pass, 1 fail." in pack["README.md"]
    assert "- fail: lb-2: maxconn is 10, expected at least 8,000" in pack["README.md"]
    assert "all is well" not in pack["README.md"]
    assert json.loads(pack["results.json"]) == run.document()


def test_an_environment_that_lacks_a_command_is_refused_with_what_to_add() -> None:
    bare = PRODUCTION.model_copy(update={"commands": {}})
    runbook = GUIDE.runbooks["drain-and-replace-backend"]
    with pytest.raises(LookupError, match="add it to its `commands`"):
        runbook_text(GUIDE, bare, runbook)
