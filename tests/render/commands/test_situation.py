"""Where a step is run, and as whom."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from scaling_guide.render.commands import targets
from tests.render.commands.conftest import GUIDE, of, step


def test_a_role_chooses_among_the_servers_of_a_system() -> None:
    assert [at.id for at in targets(step("true", "postgres"), of()) if at] == ["db-1", "db-2"]
    assert [at.id for at in targets(step("true", "postgres", role="replica"), of()) if at] == ["db-2"]


def test_a_role_without_a_system_is_refused() -> None:
    with pytest.raises(ValidationError, match="together with `system`"):
        step("true", role="primary")


@pytest.mark.parametrize(
    ("environment", "user", "wanted", "begins"),
    [
        pytest.param("production", "root", "postgres", "runuser -u postgres --", id="root on a server"),
        pytest.param("production", "postgres", "postgres", "", id="who is it already"),
        pytest.param("lab", "root", "postgres", "runuser -u postgres --", id="root starts servers as others"),
        pytest.param("lab", "me", "postgres", "", id="an ordinary user starts them all as himself"),
    ],
)
def test_a_command_is_run_as_another_user_only_where_it_must(
    environment: str, user: str, wanted: str, begins: str
) -> None:
    found = replace(of(environment), user=user)
    assert found.environment is GUIDE.environments[environment]
    assert found.switch(wanted) == begins
