"""Commands for Supabase's management API: who asks has the reader's token, who changes something his own."""

from scaling_guide.systems.supabase.commands import Api
from scaling_guide.systems.supabase.target import SupabaseTarget


def target(**files: str) -> SupabaseTarget:
    return SupabaseTarget(system="supabase", project="a" * 20, organization="own", **files)


def test_a_question_is_asked_with_the_token_that_may_only_read() -> None:
    api = Api(target(token_file="/etc/reader", operator_token_file="/etc/operator"))
    for command in (api("/readonly"), api.organization()):
        assert "$(cat /etc/reader)" in command
        assert "/etc/operator" not in command


def test_a_change_is_made_with_the_token_of_whoever_makes_it() -> None:
    api = Api(target(token_file="/etc/reader", operator_token_file="/etc/operator"))
    command = api("/config/disk", "POST", "{}")
    assert "$(cat /etc/operator)" in command
    assert "/etc/reader" not in command


def test_without_a_file_of_his_own_it_is_the_variable_of_whoever_types() -> None:
    command = Api(target(token_file="/etc/reader"))("/config/disk", "POST", "{}")
    assert '"$SUPABASE_ACCESS_TOKEN"' in command
    assert "/etc/reader" not in command
