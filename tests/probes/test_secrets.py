"""What a product says is shown without the secrets that its config file holds."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scaling_guide.probes.secrets import complaint, masked

CANARY = "correct-horse-battery"
SAID = [
    f"could not connect to postgres://app:{CANARY}@db/appdb",
    f"[ALERT] parsing [/etc/haproxy.cfg:9] : stats auth admin:{CANARY} is misplaced",
    f'FATAL: invalid connection option in "host=db password={CANARY} user=app"',
    f"password: '{CANARY}'",
    f"user checker on >{CANARY} ~cache:* +get",
    f"user checker on #{CANARY} ~cache:* +get",
    f"requirepass {CANARY}",
    f"masterauth {CANARY}",
    f"Authorization: Bearer {CANARY}",
    f'proxy_set_header Authorization "Basic {CANARY}"',
    f"userlist: user app insecure-password {CANARY}",
    f"api_key={CANARY}&x=1",
    f"SUPABASE_ACCESS_TOKEN={CANARY}",
]


@pytest.mark.parametrize("said", SAID)
def test_a_secret_is_masked_and_the_rest_stays(said: str) -> None:
    assert CANARY not in masked(said)
    assert "***" in masked(said)


@pytest.mark.parametrize(
    "said",
    [
        "app-1: /readyz answered 503, expected 200",
        '[emerg] open() "/etc/nginx/nginx.conf" failed (13: Permission denied)',
        "password authentication failed for user app",
        "no pg_hba.conf entry for host 10.0.0.1",
    ],
)
def test_a_message_without_a_secret_stays_as_it_is(said: str) -> None:
    assert masked(said) == complaint(said) == said


def rejected(name: str, config: Path) -> str:
    """What a server says of a config file that it refuses."""
    program = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        raise AssertionError(f"{name} is not installed")
    how = {"nginx": ["-t", "-e", "stderr", "-c"], "haproxy": ["-c", "-f"]}[name]
    done = subprocess.run([program, *how, str(config)], capture_output=True, text=True, cwd=config.parent)
    assert done.returncode != 0
    return done.stdout + done.stderr


# a file of passwords that was named in place of the config file, and slips in a config file
WRONG = {
    "a passfile": f"127.0.0.1:5432:appdb:app:{CANARY}\n",
    "a password": f"{CANARY}\n",
    "a misplaced line": f"global\n  stats auth admin:{CANARY}\n",
    "an open quotation": f'http {{ proxy_set_header Authorization "Basic {CANARY};\n',
    "an unknown directive": f"events {{ }} http {{ {CANARY} on; }}\n",
    "an invalid value": f"events {{ worker_connections {CANARY}; }}\n",
}


@pytest.mark.lab
@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_no_refused_file_shows_a_secret(tmp_path: Path, name: str, text: str) -> None:
    config = tmp_path / "refused"
    config.write_text(text)
    said = rejected(name, config)
    shown = complaint(said)
    assert CANARY not in shown
    # file and line are left to find it by
    assert f"{config}:" in shown
