"""One fact held against one target: every way it can end."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from scaling_guide.model.environments import Waiver
from scaling_guide.model.outcome import Outcome
from scaling_guide.probes.observation import Undetermined
from scaling_guide.verify.check import Check, checks_of, judge
from tests.verify.records import SETTING, TODAY, make_fact


def test_a_met_expectation_passes_and_says_what_was_found(check, found):
    result = judge(check, [found(3)], TODAY)
    assert (result.outcome, result.expected, result.found) == (Outcome.PASS, "at least 2", "3")


def test_a_failure_names_setting_expected_found_target_page_and_place(check, found):
    result = judge(check, [found(1)], TODAY)
    assert result.outcome is Outcome.FAIL
    assert result.message == f"lb: {SETTING} is 1, expected at least 2"
    assert result.page == "load-balancing/configuration/#retries"
    assert result.source == {"file": ".", "line": 1}
    assert "haproxy.cfg" in result.reproduce


@pytest.mark.parametrize("outcome", ["unreachable", "timeout", "unsupported", "error"])
def test_a_look_that_failed_is_neither_pass_nor_fail(check, failure, outcome):
    result = judge(check, [failure(outcome)], TODAY)
    assert result.outcome == outcome
    assert result.found is None


@pytest.mark.parametrize(
    ("gate", "running", "outcome"),
    [
        ({"since": "2.8"}, "2.6.12", Outcome.NOT_APPLICABLE),
        ({"since": "2.6"}, "2.6.12", Outcome.PASS),
        ({"until": "2.6"}, "2.6.12", Outcome.NOT_APPLICABLE),
        ({"until": "2.7"}, "2.6.12", Outcome.PASS),
        ({"since": "2.10"}, "2.9.1", Outcome.NOT_APPLICABLE),
    ],
)
def test_a_fact_applies_to_the_version_that_runs(environment, found, gate, running, outcome):
    check = Check(make_fact(**gate), environment.targets["lb"], environment)
    assert judge(check, [found(version=running)], TODAY).outcome is outcome


@pytest.mark.parametrize("empty", [False, True])
def test_too_little_data_is_undetermined_and_neither_green_nor_red(check, found, empty):
    result = judge(check, [found(Undetermined("two of twenty", empty))], TODAY)
    assert (result.outcome, result.found) == (Outcome.UNDETERMINED, None)
    assert result.message == f"lb: {SETTING} cannot be determined: two of twenty"
    # a value that is missing for no reason is drift
    assert judge(check, [found(None)], TODAY).outcome is Outcome.FAIL


def test_an_empty_population_passes_where_the_record_says_why(environment, found):
    fact = make_fact(when_empty={"outcome": "pass", "because": "Without a server none is wrong."})
    check = Check(fact, environment.targets["lb"], environment)
    result = judge(check, [found(Undetermined("there is no server", empty=True))], TODAY)
    assert (result.outcome, result.found) == (Outcome.PASS, "there is no server")
    assert judge(check, [found(Undetermined("two of twenty"))], TODAY).outcome is Outcome.UNDETERMINED


def test_a_waiver_does_not_cover_what_is_undetermined(check, found):
    result = judge(_waived(check, TOMORROW), [found(Undetermined("two of twenty"))], TODAY)
    assert result.outcome is Outcome.UNDETERMINED


def test_whoever_is_behind_a_value_is_named(check, found):
    told = judge(check, [found(1, **{f"{SETTING} > holder": "session 7 of app"})], TODAY)
    assert told.message == f"lb: {SETTING} is 1 (session 7 of app), expected at least 2"


def test_a_retry_that_passes_is_flaky_and_says_how_often_it_failed(check, found):
    result = judge(check, [found(1), found(1), found(2)], TODAY)
    assert (result.outcome, result.attempts) == (Outcome.FLAKY, 3)
    assert result.message.startswith("flaky 2/3: lb:")


def test_a_retry_that_fails_again_is_a_failure(check, found):
    assert judge(check, [found(1), found(1)], TODAY).outcome is Outcome.FAIL


YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("expires", "value", "outcome"),
    [
        (None, 2, Outcome.PASS),
        (None, 1, Outcome.FAIL),
        (TOMORROW, 2, Outcome.PASS),
        (TOMORROW, 1, Outcome.WAIVED),
        (TODAY, 1, Outcome.WAIVED),
        (YESTERDAY, 2, Outcome.PASS),
        (YESTERDAY, 1, Outcome.FAIL),
        (None, None, Outcome.UNREACHABLE),
        (TOMORROW, None, Outcome.UNREACHABLE),
        (YESTERDAY, None, Outcome.UNREACHABLE),
    ],
)
def test_a_waiver_covers_drift_until_it_expires_and_never_a_failed_look(
    check, found, failure, expires, value, outcome
):
    waived = check if expires is None else _waived(check, expires)
    result = judge(waived, [failure("unreachable") if value is None else found(value)], TODAY)
    assert result.outcome is outcome


def test_a_waiver_for_another_target_covers_nothing(check, found):
    assert judge(_waived(check, TOMORROW, target="app-1"), [found(1)], TODAY).outcome is Outcome.FAIL


def test_an_expired_waiver_is_named_in_the_failure(check, found):
    assert "waiver expired" in judge(_waived(check, YESTERDAY), [found(1)], TODAY).message


@pytest.mark.parametrize(
    ("probe", "safety"),
    [("http", "probe"), ("frontend", "probe"), ("tls", "read"), ("haproxy_config", "read")],
)
def test_a_check_says_whether_requests_are_sent_for_it(environment, failure, probe, safety):
    check = Check(make_fact(probe=probe), environment.targets["lb"], environment)
    assert judge(check, [failure("timeout")], TODAY).safety == safety


def _waived(check: Check, expires: date, target: str = "lb") -> Check:
    waiver = Waiver(check="retries", target=target, reason="known", owner="ops", expires=expires)
    return replace(check, environment=check.environment.model_copy(update={"waivers": (waiver,)}))


def test_a_fact_is_asked_of_every_target_of_its_systems_and_no_other(environment):
    assert [check.target.id for check in checks_of(environment, make_fact())] == ["lb"]
    assert [check.target.id for check in checks_of(environment, make_fact(systems=["nginx"]))] == []
