"""The client of Redis and Sentinel, as one of their users."""

import shlex

from scaling_guide.render.commands.situation import Situation
from scaling_guide.systems.redis.target import RedisProcess


def as_checker(target: RedisProcess, found: Situation | None = None) -> str:
    """The client, as the user who may look."""
    return _client(target, target.user, target.password_file)


def as_operator(target: RedisProcess, found: Situation | None = None) -> str:
    """The client, as the user who may do everything."""
    return _client(target, target.operator, target.operator_password_file)


def _client(target: RedisProcess, user: str, password_file: str) -> str:
    # in the environment, since the arguments of a process can be seen by everybody; -e fails on a no
    login = f'REDISCLI_AUTH="$(cat {shlex.quote(password_file)})" redis-cli --no-auth-warning -e'
    return f"{login} -h {target.address} -p {target.port} --user {shlex.quote(user)}"
