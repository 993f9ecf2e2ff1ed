"""Redis and Sentinel: a client with a password that nobody sees, and that fails where the server says no."""

from pathlib import Path

from scaling_guide.render.commands import render
from scaling_guide.systems.redis.target import RedisTarget
from tests.render.commands.conftest import GUIDE, Tools, of

PLACE = GUIDE.environments["production"]


def test_the_password_is_read_from_its_file_and_stands_in_no_argument(tools: Tools, tmp_path: Path) -> None:
    file = tmp_path / "it's a secret"
    file.write_text("geheim")
    target = next(each for each in PLACE.of("redis") if isinstance(each, RedisTarget))
    changed = target.model_copy(update={"operator_password_file": str(file), "operator": "the boss"})
    changed._id = target.id
    tools.add("redis-cli", f'echo "$REDISCLI_AUTH|$*" > {tmp_path}/asked')
    assert tools.run(render("{{ as_operator(target) }} PING", of(), changed)) == 0
    password, arguments = (tmp_path / "asked").read_text().strip().split("|")
    assert password == "geheim"
    assert arguments == f"--no-auth-warning -e -h {target.address} -p 6379 --user the boss PING"


def test_a_sentinel_is_asked_like_a_redis() -> None:
    (first, *_) = PLACE.of("sentinel")
    text = render("{{ as_checker(target) }} SENTINEL CKQUORUM sessions", of(), first)
    assert f"-h {first.address} -p 26379 --user checker SENTINEL" in text
