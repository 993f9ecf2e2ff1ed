"""A conversation with Redis or Sentinel as the checker's user, bounded by one deadline."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from scaling_guide.probes.observation import Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.systems.redis.target import RedisProcess

Command = tuple[str, ...]

_NOT_ALLOWED = "NOPERM"


class Session:
    """Commands to one server, each group in one round trip. Raises as `session` says."""

    def __init__(self, target: RedisProcess, deadline: float) -> None:
        self._target, self._deadline = target, deadline
        self._ends = time.monotonic() + deadline
        self._client = _client(target, deadline, target.user, password(target.password_file))

    def ask(self, *commands: Command) -> list[Any]:
        """The answers. An error that Redis answers is an answer too, as a ResponseError."""
        if time.monotonic() >= self._ends:
            raise redis.TimeoutError
        with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            answers = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, redis.RedisError) and not isinstance(answer, redis.ResponseError):
                raise answer
        return answers

    def need(self, *commands: Command) -> list[Any]:
        """The answers, none of which may be an error. Raises Unsupported where the user may not ask."""
        answers = self.ask(*commands)
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, redis.ResponseError):
                raise _refused(self._target, command, answer)
        return answers

    def left(self) -> float:
        """Seconds until the deadline."""
        return self._ends - time.monotonic()

    def close(self) -> None:
        self._client.close()


@contextmanager
def session(target: RedisProcess, deadline: float) -> Iterator[Session]:
    """A session with `target` as its checker.

    Raises Unreachable where nobody answers, the password is refused or every place is taken, Timeout,
    Malformed for another protocol, and Unsupported where the user may not ask what must be asked.
    """
    name = f"{target.id} at {target.address}:{target.port}"
    try:
        opened = Session(target, deadline)
        try:
            yield opened
        finally:
            opened.close()
    except redis.TimeoutError:
        raise Timeout(f"{name} did not answer within {deadline:g} s") from None
    except redis.AuthenticationError as error:
        raise Unreachable(
            f"{name} refuses {target.user}: {error}: is {target.password_file} the one?"
        ) from None
    except redis.ConnectionError as error:
        raise Unreachable(f"{name}: {error}") from None
    except (redis.InvalidResponse, UnicodeDecodeError, ValueError) as error:
        raise Malformed(f"{name} does not speak Redis' protocol: {str(error)[:80]}") from None


def without_password(target: RedisProcess, deadline: float) -> str:
    """What somebody without a password hears: `refused`, or `answered` where the door is open."""
    client = _client(target, deadline, None, None)
    try:
        client.execute_command("PING")  # type: ignore[no-untyped-call]
    except redis.AuthenticationError:
        return "refused"
    except redis.ResponseError as error:
        # Redis before 6.2 and a protected mode say it in other words
        return "refused" if re.match("NOAUTH|DENIED", str(error)) else "answered"
    finally:
        client.close()
    return "answered"


def password(file: str) -> str:
    """The password in a file. Raises Unreachable where it cannot be read: without it nobody answers."""
    try:
        return Path(file).read_text("utf-8").strip()
    except OSError as error:
        raise Unreachable(f"the password file {file} cannot be read: {error.strerror}") from None


def fields(text: Any) -> Mapping[str, str]:
    """The `key:value` lines of INFO. Raises Malformed where there is no version among them."""
    lines = str(text).splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
    if "redis_version" not in found:
        raise Malformed(f"no version in the answer to INFO: {str(text)[:60]!r}")
    return found


def parts(text: str) -> Mapping[str, str]:
    """A value of INFO that has parts itself: `keys=5,expires=5,avg_ttl=0`."""
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)


def pairs(answer: Sequence[Any]) -> Mapping[str, str]:
    """A flat list of names and values as a mapping. Raises Malformed for anything else."""
    if not isinstance(answer, list) or len(answer) % 2:
        raise Malformed(f"not a list of names and values: {str(answer)[:60]!r}")
    return dict(zip(map(str, answer[::2]), map(str, answer[1::2]), strict=True))


def may(asked: Session, user: str, commands: Sequence[Command]) -> str:
    """Which of `commands` the server would let `user` run, by `ACL DRYRUN`, which runs none; or `none`."""
    answers = asked.need(*(("ACL", "DRYRUN", user, *command) for command in commands))
    allowed = [" ".join(words[:2]) for words, said in zip(commands, answers, strict=True) if said == "OK"]
    return ", ".join(allowed) or "none"


def _client(target: RedisProcess, deadline: float, user: str | None, secret: str | None) -> redis.Redis:
    client = redis.Redis(
        host=target.address,
        port=target.port,
        username=user,
        password=secret,
        socket_timeout=deadline,
        socket_connect_timeout=deadline,
        decode_responses=True,
        # of the third protocol and of CLIENT SETINFO the checker's user knows nothing
        protocol=2,
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
    )
    # answers as they were given: what the library makes of them changes with its version
    client.response_callbacks.clear()
    return client


def _refused(target: RedisProcess, command: Command, answer: redis.ResponseError) -> Exception:
    asked = " ".join(command[:2])
    if isinstance(answer, redis.exceptions.NoPermissionError) or _NOT_ALLOWED in str(answer):
        return Unsupported(f"{target.id}: {target.user} may not run {asked}: give it what users.acl shows")
    return Unsupported(f"{target.id}: {asked}: {answer}")


CLI = "REDISCLI_AUTH=$(cat {password_file}) redis-cli --no-auth-warning -h {address} -p {port} --user {user}"
"""The client as the checker, for commands that show a person what a probe sees."""
