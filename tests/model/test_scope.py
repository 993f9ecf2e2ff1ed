"""What an environment does not have is out of scope for it, and parts have the names that they have there."""

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.model.facts import Fact
from scaling_guide.render.commands.complaints import problems
from tests.verify.observations import guide

SITE = "www.example.test"
NGINX = {
    "system": "nginx",
    "version": "1.22.1",
    "address": "127.0.0.1",
    "config": "/etc/nginx/nginx.conf",
    "pid_file": "/run/nginx.pid",
    "directory": "/etc/nginx",
    "logs": "/var/log/nginx",
    "certificate": "/etc/ssl/site.pem",
    "certificate_key": "/etc/ssl/site.key",
    "status": 8081,
}


def environment(**more: object) -> Environment:
    made = Environment.model_validate(
        {"title": "One", "tier": "small", "site": SITE, "targets": {"web": NGINX}, **more}
    )
    made._default_names = guide().names
    for name, target in made.targets.items():
        target._id = name
    return made


def asked(fact_id: str, **more: object) -> bool:
    return bool(guide().facts[fact_id].targets(environment(**more)))


def test_a_runbook_for_what_an_environment_lacks_is_no_problem_of_it() -> None:
    alone = guide().model_copy(update={"environments": {**guide().environments, "one": environment()}})
    assert problems(alone) == ()


@pytest.mark.parametrize(
    ("fact", "capability"), [("forwarded-for-is-client", "whoami"), ("nginx-sticky-key", "sticky")]
)
def test_a_fact_is_asked_only_if_the_application_offers_what_it_needs(fact: str, capability: str) -> None:
    assert not asked(fact)
    assert asked(fact, capabilities={capability: "/there"})


def test_a_fact_about_the_applications_servers_needs_to_know_them() -> None:
    assert not asked("nginx-upstream-servers")


def test_a_fact_speaks_of_roles_and_an_environment_names_them() -> None:
    fact = guide().facts["nginx-upstream-keepalive"]
    assert fact.claim(environment()).setting == "http > upstream app > keepalive"
    assert (
        fact.claim(environment(names={"upstream": "backend"})).setting
        == "http > upstream backend > keepalive"
    )


def seen(fact: Fact, values: dict[str, object]) -> tuple[bool, str, bool]:
    verdict = fact.claim(environment()).judge(values, fact.default_for("1.22.1"))
    return verdict.met, verdict.found, verdict.by_default


PLACE = f"http > server {SITE} ssl > location /"


def test_a_setting_that_is_left_out_is_judged_by_what_the_product_then_does() -> None:
    size = guide().facts["nginx-client-max-body-size"]
    assert seen(size, {f"{PLACE} > gzip": "on"}) == (True, "1 MiB", True)
    read = guide().facts["nginx-read-timeout"]
    assert seen(read, {f"{PLACE} > gzip": "on"}) == (False, "60 s", True)
    assert seen(read, {f"{PLACE} > proxy_read_timeout": "20s"}) == (True, "20 s", False)


def test_of_a_place_that_was_not_seen_nothing_is_said() -> None:
    assert seen(guide().facts["nginx-client-max-body-size"], {"events > use": "epoll"}) == (
        False,
        "absent",
        False,
    )


def test_each_server_that_leaves_it_out_has_the_default() -> None:
    fails = guide().facts["nginx-max-fails"]
    server = "http > upstream app > server"
    values: dict[str, object] = {f"{server} a > max_fails": "3", f"{server} b > weight": "1"}
    met, found, by_default = seen(fails, values)
    assert (met, by_default) == (False, True)
    assert "b 1" in found or found == "1"


def test_a_default_ends_with_the_version_that_changed_it() -> None:
    version = guide().facts["nginx-upstream-http-version"]
    assert version.default_for("1.29.6") == "1.0"
    assert version.default_for("1.29.7") is None


def test_every_default_can_be_read_in_the_unit_of_its_fact() -> None:
    for fact in guide().facts.values():
        if fact.default is not None:
            for tier in guide().tiers:
                fact.expectation(tier).judge({"default": fact.default.value}, "default")
