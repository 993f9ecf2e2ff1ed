"""The data is read whole, or every reason why not is told: where it stands, and in words that help."""

import re
from datetime import date
from pathlib import Path

import pytest

from scaling_guide.model.load import examine, load
from scaling_guide.model.problems import Invalid, Location, Problem
from scaling_guide.model.today import NoSuchDay
from tests.model.conftest import GOOD, TODAY, VARIABLES, Tree, look

PROXY = "topics/balancing/proxy.yml"


def edit(data: Path, name: str, old: str, new: str) -> Path:
    """Replace `old`, which stands once in the file, and say where the file is."""
    path = data / name
    text = path.read_text("utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), "utf-8")
    return path


def only(data: Path) -> Problem:
    problems = look(data)[1]
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def test_records_know_their_names(tree: Tree) -> None:
    guide = load(tree(), VARIABLES, TODAY)
    assert guide.topics["balancing/proxy"].id == "balancing/proxy"
    assert guide.runbooks["drain"].id == "drain"
    assert guide.environments["local"].name == "local"
    assert guide.environments["local"].targets["lb"].id == "lb"
    assert (guide.facts["proxy-method"].id, guide.facts["proxy-method"].topic) == (
        "proxy-method",
        "balancing/proxy",
    )
    assert (guide.facts["drain-servers"].topic, guide.facts["drain-servers"].runbook) == (None, "drain")


def test_records_know_where_they_and_their_values_stand(tree: Tree) -> None:
    data = tree()
    fact = load(data, VARIABLES, TODAY).facts["proxy-method"]
    assert fact.at == Location(data / PROXY, 19, 3)
    assert fact.place("use") == Location(data / PROXY, 25, 5)
    assert fact.place("severity") == fact.at
    assert fact.source.at == Location(data / PROXY, 28, 5)
    assert fact.source.place("says") == Location(data / PROXY, 28, 55)


def test_a_key_with_another_name_in_yaml_knows_its_place(tree: Tree) -> None:
    threshold = load(tree(), VARIABLES, TODAY).thresholds["server-down"]
    assert (threshold.place("hold").line, threshold.hold) == (5, "5m")


def test_what_is_wrong_is_raised_all_at_once_in_the_order_of_files_and_lines(tree: Tree) -> None:
    with pytest.raises(Invalid) as raised:
        load(tree("UNKNOWN_RELATED", "SOURCE_ADDRESS", "TIER_NOT_MONOTONE"), VARIABLES, TODAY)
    assert [problem.code for problem in raised.value.problems] == [
        "SOURCE_ADDRESS",
        "TIER_NOT_MONOTONE",
        "UNKNOWN_RELATED",
    ]
    assert str(raised.value).splitlines() == [str(problem) for problem in raised.value.problems]


AGES = [
    *("SOURCE_STALE", "SOURCE_FUTURE", "PLAN_STALE", "REVIEW_OVERDUE", "REVIEW_FUTURE"),
    *("WAIVER_EXPIRED", "ATTESTATION_EXPIRED"),
]


@pytest.mark.parametrize("code", AGES)
def test_age_refuses_nothing_and_is_a_finding(tree: Tree, code: str) -> None:
    guide = load(tree(code), VARIABLES, TODAY)
    assert {finding.code for finding in guide.findings} == {code}
    assert not any(finding.refuses for finding in guide.findings)


def test_what_depends_on_the_day_is_age_and_nothing_else_is(tree: Tree) -> None:
    data = tree()
    early, late = (
        {problem for problem in examine(data, VARIABLES, day)[1] if problem.refuses}
        for day in (date(1970, 1, 1), date(2100, 1, 1))
    )
    assert early == late == set()


@pytest.mark.parametrize("code", ["WAIVER_EXPIRED", "ATTESTATION_EXPIRED"])
def test_what_expired_in_an_environment_is_no_concern_of_another(tree: Tree, code: str) -> None:
    guide = load(tree(code), VARIABLES, TODAY)
    local, remote = guide.environments["local"], guide.environments["remote"]
    assert {finding.code for finding in guide.findings_for(local)} == {code}
    assert guide.findings_for(remote) == guide.findings_for(None) == ()


def test_the_day_can_be_set_by_a_variable(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tree()
    monkeypatch.setenv("SG_TODAY", str(TODAY))
    assert load(data, VARIABLES).findings == ()
    monkeypatch.setenv("SG_TODAY", "2029-01-01")
    assert load(data, VARIABLES).findings != ()
    monkeypatch.setenv("SG_TODAY", "soon")
    with pytest.raises(NoSuchDay, match="SG_TODAY is 'soon'"):
        load(data, VARIABLES)


def test_an_empty_directory_lacks_its_files(tmp_path: Path) -> None:
    guide, problems = examine(tmp_path, {}, TODAY)
    assert {problem.code for problem in problems} == {"MISSING_FILE"}
    assert {problem.at.path.name for problem in problems} == {path.name for path in GOOD.glob("*.yml")}
    assert guide is not None
    assert guide.facts == {}


def test_without_a_day_given_the_data_is_held_against_today(tree: Tree) -> None:
    data = tree()
    edit(data, PROXY, "reviewed: 2026-11-01", f"reviewed: {date.today()}")
    assert "REVIEW_FUTURE" not in {problem.code for problem in examine(data, VARIABLES)[1]}


class TestVariables:
    def test_fill_environment_files(self, tree: Tree) -> None:
        assert load(tree(), VARIABLES, TODAY).environments["local"].targets["lb"].address == "127.42.0.20"

    def test_come_from_the_process_environment_where_none_is_given(
        self, tree: Tree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("net", "10.9.8")
        guide = load(tree(), {}, TODAY)
        assert guide.environments["local"].targets["lb"].address == "10.9.8.20"
        assert load(tree(), VARIABLES, TODAY).environments["local"].targets["lb"].address == "127.42.0.20"

    def test_mean_nothing_elsewhere(self, tree: Tree) -> None:
        data = tree()
        edit(data, PROXY, "label: Algorithm", "label: Algorithm ${net}")
        assert load(data, VARIABLES, TODAY).facts["proxy-method"].label == "Algorithm ${net}"

    def test_mean_nothing_in_a_folder_whose_path_has_the_name(self, tree: Tree, tmp_path: Path) -> None:
        data = tree()
        edit(data, PROXY, "label: Algorithm", "label: Algorithm ${net}")
        moved = data.rename(tmp_path / "environments")
        assert load(moved, VARIABLES, TODAY).facts["proxy-method"].label == "Algorithm ${net}"

    def test_without_a_value_take_their_environment_away_and_no_other(self, tree: Tree) -> None:
        data = tree("VARIABLE_UNSET")
        edit(data, "environments/local.yml", "status: 8081", "status: ${A_PORT}")
        guide = load(data, VARIABLES, TODAY)
        assert guide.environments.keys() == {"remote"}
        (unset, port) = guide.unavailable["local"]
        assert {unset.code, port.code} == {"VARIABLE_UNSET"}
        assert not unset.refuses

    def test_without_a_value_hide_no_other_problem_of_their_file(self, tree: Tree) -> None:
        data = tree("VARIABLE_UNSET")
        edit(data, "environments/local.yml", "tier: small", "tier: tiny")
        with pytest.raises(Invalid) as raised:
            load(data, VARIABLES, TODAY)
        assert [problem.code for problem in raised.value.problems] == ["NOT_ONE_OF"]

    def test_never_show_their_value_in_a_problem(self, tree: Tree) -> None:
        data = tree()
        edit(data, "environments/local.yml", "status: 8081", "status: ${PASSWORD}")
        problems = examine(data, {**VARIABLES, "PASSWORD": "hunter2"}, TODAY)[1]
        assert [problem.code for problem in problems] == ["WRONG_VALUE"]
        assert "${PASSWORD}" in str(problems[0])
        assert "hunter2" not in str(problems[0])


@pytest.mark.parametrize(
    ("written", "means"),
    [('"1.30"', "1.30"), ("1.30", "1.30"), ("1.22", "1.22"), ("2", "2"), ("1.22.1", "1.22.1")],
)
def test_a_version_loses_no_digit(tree: Tree, written: str, means: str) -> None:
    data = tree()
    edit(data, "environments/local.yml", 'version: "1.22"', f"version: {written}")
    assert load(data, VARIABLES, TODAY).environments["local"].targets["lb"].version == means


@pytest.mark.parametrize("written", ["v1.22", "1.x", "1.", "[1, 22]", "9999999999.0", ""])
def test_what_is_no_version_is_refused(tree: Tree, written: str) -> None:
    data = tree()
    edit(data, "environments/local.yml", 'version: "1.22"', f"version: {written}")
    assert only(data).code == "WRONG_VALUE"


HELPFUL = [
    ("setting: \"http > autoindex\"", "setting: 1.22", "a text is needed (found `1.22`); put it in quotes"),
    ("systems: [nginx]\n    probe: nginx_config\n    setting: \"http > autoindex\"",
     "systems: nginx\n    probe: nginx_config\n    setting: \"http > autoindex\"",
     "a list is needed (found `nginx`); write [a, b], or one item a line with a dash"),
    *[("reviewed: 2026-11-01", f"reviewed: {day}", f"a date is needed (found `{day}`); write it as 2026-")
      for day in ("2026-11-31", "1.11.2026", "2026-1-5", "soon")],
    ("unit: duration", "unit: minutes",
     "'duration', 'ratio' or 'boolean' (found `minutes`); use one of the values named"),
    ("owner: platform", "owner: ''", "at least 1 character"),
    ("expect: {equals: \"off\"}", "expect: {missing: true}", "use one of the values named"),
    ("expect: {equals: \"off\"}", "expect: {equals: \"off\", at_most: 1}", "at most 1 item"),
    ("expect: {equals: \"off\"}", "expect: []", "keys and values are needed; write `key: value`, one a line"),
    ("proxy-autoindex:\n", "Proxy Autoindex:\n", "String should match pattern"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), HELPFUL, ids=[new for _, new, _ in HELPFUL])
def test_a_wrong_value_is_refused_in_words_that_help(tree: Tree, old: str, new: str, words: str) -> None:
    data = tree()
    path = edit(data, PROXY, old, new)
    problem = next(problem for problem in look(data)[1] if problem.code in ("WRONG_VALUE", "NOT_ONE_OF"))
    assert words in str(problem)
    line = path.read_text("utf-8")[: path.read_text("utf-8").index(new)].count("\n") + 1
    assert problem.at == Location(path, line, problem.at.column)


def test_a_very_long_value_is_shown_in_part(tree: Tree) -> None:
    data = tree()
    edit(data, PROXY, "unit: duration", f"unit: {'x' * 1000}")
    assert len(only(data).message) < 300


def test_a_target_of_no_system_is_told_at_the_target(tree: Tree) -> None:
    data = tree()
    edit(data, "environments/remote.yml", "    system: haproxy\n", "")
    problem = only(data)
    assert (problem.code, problem.at.line) == ("MISSING_KEY", 5)
    assert problem.message == "targets > lb lacks `system`"


def test_a_target_of_an_unknown_system_is_told_at_that_word(tree: Tree) -> None:
    data = tree()
    edit(data, "environments/remote.yml", "system: haproxy", "system: envoy")
    problem = only(data)
    assert (problem.code, problem.at.line, problem.at.column) == ("NOT_ONE_OF", 6, 5)
    assert re.search(r"one of 'app', .*'nginx', .* is needed \(found `envoy`\)", problem.message)


def test_a_wrong_value_of_a_target_is_told_at_its_key(tree: Tree) -> None:
    data = tree()
    edit(data, "environments/remote.yml", "stats: 8404", "stats: none")
    assert (only(data).at.line, only(data).message.split(":")[0]) == (10, "targets > lb > stats")


@pytest.mark.parametrize("deadline", ["5 parsecs", "soon", "1m1m"])
def test_a_duration_is_checked_where_it_is_written(tree: Tree, deadline: str) -> None:
    data = tree()
    edit(data, "environments/remote.yml", "tier: large", f"tier: large\ndeadline: {deadline}")
    assert (only(data).code, only(data).at.line) == ("WRONG_VALUE", 3)
    assert "is not a duration" in only(data).message


def test_one_id_in_a_topic_and_in_a_runbook_is_refused(tree: Tree) -> None:
    data = tree()
    edit(data, "topics/balancing/limits.yml", "facts:\n", "facts:\n  drain-servers:\n" + DRAIN_SERVERS)
    problem = only(data)
    assert (problem.code, problem.at.path.name, problem.at.line) == ("DUPLICATE_ID", "drain.yml", 18)
    assert "limits.yml:6:3" in problem.message


DRAIN_SERVERS = """\
    label: Servers in the upstream
    systems: [nginx]
    probe: nginx_config
    setting: "http > upstream app > servers"
    expect: {set_equals: "{apps}"}
    why: A server forgotten here is idle.
    source: {kind: rule of thumb, says: The environment names them.}
    mutations: [server-missing]
"""


def test_one_alert_of_two_thresholds_is_refused(tree: Tree) -> None:
    data = tree()
    path = data / "thresholds.yml"
    path.write_text(path.read_text() + path.read_text().replace("server-down:", "server-gone:"))
    assert (only(data).code, only(data).at.line) == ("DUPLICATE_ID", 13)


def test_a_threshold_of_an_unknown_topic_is_refused(tree: Tree) -> None:
    data = tree()
    edit(data, "thresholds.yml", "topic: balancing/proxy", "topic: balancing/nobody")
    assert (only(data).code, only(data).at.line) == ("UNKNOWN_TOPIC", 7)


def test_a_budgets_figure_needs_a_source(tree: Tree) -> None:
    data = tree()
    edit(data, "budgets.yml", "      source: {kind: rule of thumb, says: The edge waits so long.}\n", "")
    assert (only(data).code, only(data).at.line) == ("SOURCE_MISSING", 7)


@pytest.mark.parametrize(
    ("operand", "unit", "code"),
    [
        ("at_least: 200", "text", "WRONG_UNIT"),
        ("between: [100, 400]", "boolean", "WRONG_UNIT"),
        ("between: [100]", "count", "WRONG_OPERAND"),
        ("between: 100", "count", "WRONG_OPERAND"),
        ("between: [1, 2, 3]", "count", "WRONG_OPERAND"),
        ("at_most: [200]", "count", "WRONG_OPERAND"),
        ("equals: ", "text", "WRONG_OPERAND"),
        ("equals: ''", "text", "WRONG_OPERAND"),
        ("equals: {smal: 1, medium: 2, large: 3}", "text", "WRONG_OPERAND"),
        ("equals: [{a: b}]", "text", "WRONG_OPERAND"),
        ("contains: []", "text", "WRONG_OPERAND"),
        ("matches: '['", "text", "WRONG_OPERAND"),
        ("matches: 'a{99999999999}'", "text", "WRONG_OPERAND"),
        ("equals: {}", "text", "TIER_MISSING"),
        ("equals: {small: 1, large: 2}", "count", "TIER_MISSING"),
        ("at_most: nan", "count", "WRONG_UNIT"),
        ("equals: maybe", "boolean", "WRONG_UNIT"),
        ("equals: 'at {site}'", "text", "UNKNOWN_PLACEHOLDER"),
        ("one_of: ['{app count}', 7]", "count", "UNKNOWN_PLACEHOLDER"),
    ],
)
def test_an_expectation_that_could_never_be_met_or_always_is_refused(
    tree: Tree, operand: str, unit: str, code: str
) -> None:
    data = tree()
    limits = data / "topics/balancing/limits.yml"
    text = limits.read_text().replace("between: [100, 400]", operand).replace("unit: count", f"unit: {unit}")
    limits.write_text(re.sub(r"\n    use: 200", "\n    mutations: [any]", text))
    (data / "templates/haproxy/haproxy.cfg.j2").unlink()
    edit(data, "runbooks/drain.yml", "limits-maxconn: 0", "proxy-method: ip_hash")
    assert only(data).code == code
    assert only(data).at.line == 11


@pytest.mark.parametrize("setting", ["http > {sit} > x", "{apps} > x"])
def test_a_setting_with_an_unknown_placeholder_is_refused(tree: Tree, setting: str) -> None:
    data = tree()
    edit(data, PROXY, '"http > upstream app > method"', f'"{setting}"')
    assert (only(data).code, only(data).at.line) == ("UNKNOWN_PLACEHOLDER", 23)


def test_a_placeholder_cannot_be_rendered_without_a_use(tree: Tree) -> None:
    data = tree()
    edit(
        data,
        PROXY,
        "expect: {one_of: [least_conn, random]}\n    use: least_conn",
        "expect: {equals: '{site}'}",
    )
    assert only(data).code == "NOTHING_TO_USE"


UNREADABLE = [
    *["edge >", "edge > balancer; x", "edge = 3", "rand() < 2", "'abc'[9]", "1 / 0", "9**9**9", "lambda: 1"],
    *["-" * 5000 + "1", "(" * 5000, "1+" * 5000 + "1", "edge.real.x", "[edge]", "edge > 'x'", '"a\\0"'],
]


@pytest.mark.parametrize("holds", UNREADABLE, ids=[holds[:12] for holds in UNREADABLE])
def test_a_budget_that_cannot_be_computed_is_a_problem(tree: Tree, holds: str) -> None:
    data = tree()
    quoted = holds if holds.startswith('"') else f'"{holds}"'
    edit(data, "budgets.yml", "holds: edge > balancer", f"holds: {quoted}")
    assert (only(data).code, only(data).at.line) == ("BUDGET_UNREADABLE", 11)


def test_a_budget_says_for_which_tier_and_with_which_figures_it_does_not_hold(tree: Tree) -> None:
    data = tree()
    edit(data, "budgets.yml", "value: 100s", "value: 25s")
    assert [problem.message for problem in look(data)[1]] == [
        "Timeout ladder: `edge > balancer` does not hold for medium (edge = 25000, balancer = 30000)",
        "Timeout ladder: `edge > balancer` does not hold for small (edge = 25000, balancer = 30000)",
    ]


@pytest.mark.parametrize(
    "name", ["topics/stray.yml", "topics/a/b/c.yml", "runbooks/deep/x.yml", "environments/x.yaml"]
)
def test_a_file_at_a_place_where_nothing_looks_is_told(tree: Tree, name: str) -> None:
    data = tree()
    (data / name).parent.mkdir(parents=True, exist_ok=True)
    (data / name).write_text("title: x\n")
    assert (only(data).code, only(data).at.path) == ("UNREAD_FILE", data / name)


def test_an_editors_lock_is_no_file_of_the_guide(tree: Tree) -> None:
    data = tree()
    (data / "environments" / ".#local.yml").symlink_to("somebody@somewhere.4711")
    assert look(data)[1] == ()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_the_ends_of_the_calendar_are_days(tree: Tree, day: str) -> None:
    data = tree()
    edit(data, PROXY, "reviewed: 2026-11-01", f"reviewed: {day}")
    (data / "sources.yml").write_text((data / "sources.yml").read_text().replace("2026-11-01", day))
    assert look(data)[1]
