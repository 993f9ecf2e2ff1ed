"""A small guide made by hand, so that a test shows all it depends on."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.runbooks import Runbook
from scaling_guide.model.topics import Topic

TOPIC = "load-balancing/configuration"
HELD = {"landed": True, "red": True, "only": True, "restored": True}
THUMB = {"kind": "rule of thumb", "says": "Seen in practice."}


def make_fact(**changes: Any) -> dict[str, Any]:
    return {
        "label": "Connections per worker",
        "systems": ["nginx"],
        "probe": "nginx_config",
        "setting": "events > worker_connections",
        "expect": {"at_least": {"small": 1024, "medium": 4096, "large": 4096}},
        "unit": "count",
        "why": "A request holds two connections.",
        "source": {"kind": "vendor default", "ref": "nginx-core", "says": "The default is 512."},
        **changes,
    }


FACTS = {
    "nginx-worker-connections": make_fact(),
    "nginx-read-timeout": make_fact(
        label="Read timeout", setting="http > proxy_read_timeout", expect={"at_most": "60s"}, unit="duration"
    ),
    "nginx-upstream-servers": make_fact(
        label="Servers", setting="http > servers", expect={"set_equals": "{apps}"}, unit="text", source=THUMB
    ),
}
TOPIC_RECORD = {
    "owner": "platform",
    "status": "tested",
    "reviewed": "2026-11-22",
    "outcome": "No request is lost.",
    "configs": ["nginx"],
    "facts": FACTS,
    "pitfalls": [
        {
            "title": "Stale names",
            "seen": "Old addresses.",
            "because": "Read once.",
            "instead": "Reload.",
            "source": THUMB,
        }
    ],
    "runbooks": ["drain"],
    "related": ["load-balancing/algorithms"],
}
STEP = {
    "id": "drain",
    "do": "Drain it",
    "run": "drain {{ server.id }}",
    "safety": "reversible",
    "wait": "is-drained",
    "wait_at_most": "30s",
    "takes_effect": "at once",
}
RUNBOOK = {
    "title": "Drain a server",
    "owner": "platform",
    "stop": "A second server is slow.",
    "also_known_as": ["HostDown"],
    "systems": ["app"],
    "never": ["Restart all of them."],
    "status": "tested",
    "reviewed": "2026-11-22",
    "severity": "critical",
    "alerts": ["ServerDown"],
    "time_to_effect": "one minute",
    "symptom": "One server is slow.",
    "impact": {"now": "Some requests are slow.", "at_full": "The site is down."},
    "confirm": [
        {
            "id": "ask",
            "look": "Ask it",
            "run": "curl http://{{ target.address }}",
            "system": "app",
            "normal": "200",
            "abnormal": "503",
            "empty": "The host is down.",
        }
    ],
    "diagnose": [
        {
            "id": "overload",
            "when": "503",
            "holds": [{"look": "ask", "lines": "^503", "at_least": 1}],
            "means": "Overload",
            "do": "Mitigate",
            "steps": ["drain"],
        },
        {
            "id": "late",
            "when": "200",
            "judged": "person",
            "means": "Late alert",
            "do": "Close",
            "alert_is_wrong": True,
        },
        {"id": "none", "when": "None of these", "means": "x", "do": "Call", "otherwise": True},
    ],
    "facts": {
        "app-ready": make_fact(
            label="Ready",
            systems=["app"],
            probe="app",
            setting="ready",
            expect={"equals": "yes"},
            unit="text",
        )
    },
    "preconditions": {"checks": ["nginx-worker-connections"]},
    "mitigate": {"steps": [STEP]},
    "verify": {"checks": ["nginx-read-timeout"]},
    "users": [{"do": "Read it", "run": "read-it", "safety": "read-only"}],
    "roll_back": {"steps": [{**STEP, "do": "Put it back", "id": "put-back", "safety": "irreversible"}]},
    "afterwards": ["Write it down."],
}
THRESHOLD = {
    "title": "A server is down",
    "alert": "ServerDown",
    "expr": "up == 0",
    "for": "1m",
    "severity": "critical",
    "topic": TOPIC,
    "runbook": "drain",
    "why": "x",
    "source": THUMB,
}
ENVIRONMENT = {
    "title": "Production (example)",
    "tier": "medium",
    "site": "app.example.com",
    "targets": {"app-1": {"system": "app", "address": "10.0.1.31"}},
}
LAB = {
    "title": "Lab",
    "tier": "medium",
    "site": "app.lab.test",
    "targets": {
        "nginx": {
            "system": "nginx",
            "version": "1.22",
            "address": "127.42.0.20",
            "config": "nginx.conf",
            "certificate": "site.pem",
            "certificate_key": "site.key",
            "pid_file": "nginx.pid",
            "directory": "nginx",
            "logs": "logs",
            "status": 8081,
        },
        "app-1": {"system": "app", "address": "127.42.0.31"},
    },
}
SECTIONS = [
    {
        "id": "load-balancing",
        "title": "Load balancing",
        "promise": "Spread requests.",
        "topics": [
            {"id": "configuration", "title": "Configuration"},
            {"id": "algorithms", "title": "Algorithms"},
        ],
    }
]
TIER = {"zones": 1, "load_balancers": 1, "replicas": 3, "requests_per_second_per_replica": 50}
TIERS = {
    name: {**TIER, "title": name.title(), "peak_requests_per_second": peak, "implies": ["x"], "source": THUMB}
    for name, peak in {"small": 100, "medium": 2000, "large": 20000}.items()
}


def make_runbook(**changes: Any) -> Runbook:
    runbook = Runbook.model_validate({**RUNBOOK, **changes})
    runbook._id = "drain"
    for fact_id, fact in runbook.facts.items():
        fact._id, fact._runbook = fact_id, "drain"
    return runbook


def make_guide(facts: dict[str, Any] = FACTS, **changes: Any) -> Guide:
    topic = Topic.model_validate({**TOPIC_RECORD, "facts": facts})
    topic._id = TOPIC
    for fact_id, fact in topic.facts.items():
        fact._id, fact._topic = fact_id, TOPIC
    environment = Environment.model_validate(ENVIRONMENT)
    environment._name = "production"
    for target_id, target in environment.targets.items():
        target._id = target_id
    source = {
        "title": "Nginx core",
        "url": "https://nginx.org/core",
        "product": "nginx 1.22",
        "seen": date(2026, 11, 20),
    }
    records = {
        "directory": Path("data"),
        "sections": SECTIONS,
        "tiers": TIERS,
        "sources": {"nginx-core": source},
        "topics": {TOPIC: topic},
        "runbooks": {"drain": make_runbook()},
        "budgets": {},
        "thresholds": {},
        "environments": {"production": environment, "lab": Environment.model_validate(LAB)},
    }
    return Guide.model_validate({**records, **changes})


def make_check(fact: Fact, outcome: str = "pass", target: str = "nginx", **changes: Any) -> dict[str, Any]:
    return {
        "id": fact.id,
        "topic": fact.topic,
        "runbook": fact.runbook,
        "phase": None,
        "safety": "read",
        "severity": fact.severity,
        "label": fact.label,
        "page": fact.page,
        "source": {"file": "data/topics/x.yml", "line": 1},
        "attempts": 1,
        "seconds": 0.1,
        "system": "nginx",
        "target": target,
        "outcome": outcome,
        "setting": fact.setting,
        "expected": "at least 4,096",
        "found": "4,096",
        "message": "",
        "reproduce": "nginx -T",
        "observed_at": "2026-11-24T05:32:11+00:00",
        "digest": fact.digest("medium"),
        **changes,
    }


def write_run(directory: Path, checks: list[dict[str, Any]], **changes: Any) -> None:
    """A results.json as `guide verify` leaves it."""
    at = {"started": "2026-11-24T05:32:10+00:00", "finished": "2026-11-24T05:32:15+00:00"}
    report = {"environment": "lab", "tier": "medium", **at, "checks": checks, **changes}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(json.dumps(report))


def make_mutant(id: str = "below", **changes: Any) -> dict[str, Any]:
    return {"id": id, **HELD, "change": "512", "found": "is 512", "reason": "", "together": 0, **changes}


def write_proof(path: Path, checks: dict[str, list[dict[str, Any]]], **changes: Any) -> None:
    """A kill-matrix.json as the proof run leaves it. `checks` is `fact@target` to its mutants."""
    rows = [{"id": name, "mutants": each} for name, each in checks.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(proof_of(rows, **changes)))


def proof_of(checks: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """The content of a kill-matrix.json with these rows."""
    mutants = [mutant for check in checks for mutant in check["mutants"]]
    killed = sum(all(mutant[step] for step in HELD) for mutant in mutants)
    return {
        "started": "2026-11-24T05:50:00.000Z",
        "finished": "2026-11-24T06:00:00.000Z",
        "seconds": 600.0,
        "checks": checks,
        "deletions": [],
        "faults": [],
        "each": False,
        "unsteady": [],
        "totals": {"checks": len(checks), "proven": 0, "mutants": len(mutants), "killed": killed},
        **changes,
    }
