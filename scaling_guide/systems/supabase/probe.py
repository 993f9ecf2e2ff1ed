"""What the management API says of a Supabase project, asked with a token that may only read.

Each answer is read into a record of the few fields that are documented, and dropped: answers also carry
connection strings and, elsewhere in the API, keys. The token stands in no message, and no body is quoted.
"""

import asyncio
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import Found, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.probes.probe import Over, Probe
from scaling_guide.systems.supabase import attested
from scaling_guide.systems.supabase.target import SupabaseTarget

VARIABLE = "SUPABASE_ACCESS_TOKEN"
LONGEST_BODY = 2**21
SERVICES = ("auth", "db", "pooler", "realtime", "rest", "storage")
NOT_OVERRIDDEN = "not overridden"
NONE = "none"

_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


# ---------------------------------------------------------------- the fields that are read, and no others


class _Organization(BaseModel):
    plan: str


class _Version(BaseModel):
    version: str


class _Project(BaseModel):
    status: str
    database: _Version


class _Variant(BaseModel):
    id: str


class _Addon(BaseModel):
    type: str
    variant: _Variant


class _Addons(BaseModel):
    selected_addons: list[_Addon]


class _Postgres(BaseModel):
    max_connections: int | None = None


class _Pool(BaseModel):
    database_type: Literal["PRIMARY", "READ_REPLICA"]
    default_pool_size: int | None
    max_client_conn: int | None
    pool_mode: str


class _Bytes(BaseModel):
    fs_size_bytes: float
    fs_used_bytes: float


class _DiskUse(BaseModel):
    metrics: _Bytes


class _Readonly(BaseModel):
    enabled: bool


class _Service(BaseModel):
    name: str
    status: str


class _Backup(BaseModel):
    status: str
    inserted_at: datetime


class _Physical(BaseModel):
    latest_physical_backup_date_unix: int | None = None


class _Backups(BaseModel):
    pitr_enabled: bool
    backups: list[_Backup]
    physical_backup_data: _Physical


class _Blocker(BaseModel):
    type: str


class _Upgrade(BaseModel):
    validation_errors: list[_Blocker]


class _Ssl(BaseModel):
    database: bool


class _SslEnforcement(BaseModel):
    currentConfig: _Ssl


class _Allowed(BaseModel):
    dbAllowedCidrs: list[str] = []
    dbAllowedCidrsV6: list[str] = []


class _Restrictions(BaseModel):
    config: _Allowed


class _Database(BaseModel):
    identifier: str
    type: Literal["PRIMARY", "READ_REPLICA"]
    status: str
    infra_compute_size: str | None = None


class _Listed(BaseModel):
    ref: str
    databases: list[_Database]


class _Pagination(BaseModel):
    count: int


class _Projects(BaseModel):
    projects: list[_Listed]
    pagination: _Pagination


class _Lint(BaseModel):
    level: Literal["ERROR", "WARN", "INFO"]


class _Lints(BaseModel):
    lints: list[_Lint]


@dataclass(frozen=True)
class _Question:
    """A path of the API, the scope that a token needs for it, and the form of the answer."""

    path: str
    scope: str
    form: Any


_PROJECT = "/v1/projects/{project}"
_PAGE = 100

QUESTIONS: Mapping[str, _Question] = {
    "organization": _Question("/v1/organizations/{organization}", "organization_admin_read", _Organization),
    "project": _Question(_PROJECT, "project_admin_read", _Project),
    "addons": _Question(f"{_PROJECT}/billing/addons", "infra_add_ons_read", _Addons),
    "postgres": _Question(f"{_PROJECT}/config/database/postgres", "database_config_read", _Postgres),
    "pools": _Question(f"{_PROJECT}/config/database/pooler", "database_pooling_config_read", list[_Pool]),
    "disk": _Question(f"{_PROJECT}/config/disk/util", "infra_disk_config_read", _DiskUse),
    "readonly": _Question(f"{_PROJECT}/readonly", "database_readonly_config_read", _Readonly),
    "services": _Question(
        f"{_PROJECT}/health?{'&'.join(f'services={name}' for name in SERVICES)}",
        "project_admin_read",
        list[_Service],
    ),
    "backups": _Question(f"{_PROJECT}/database/backups", "backups_read", _Backups),
    "upgrade": _Question(f"{_PROJECT}/upgrade/eligibility", "project_admin_read and database_read", _Upgrade),
    "ssl": _Question(f"{_PROJECT}/ssl-enforcement", "database_ssl_config_read", _SslEnforcement),
    "restrictions": _Question(
        f"{_PROJECT}/network-restrictions", "database_network_restrictions_read", _Restrictions
    ),
    "databases": _Question(
        f"/v1/organizations/{{organization}}/projects?limit={_PAGE}", "organization_projects_read", _Projects
    ),
}
# marked as deprecated: kept apart, so that their end takes nothing else along
ADVISORS: Mapping[str, _Question] = {
    kind: _Question(f"{_PROJECT}/advisors/{kind}", "advisors_read", _Lints)
    for kind in ("performance", "security")
}
REQUESTS = len(QUESTIONS)
ADVISOR_REQUESTS = len(ADVISORS)
SCOPES = tuple(sorted({scope for question in (*QUESTIONS.values(), *ADVISORS.values())
                       for scope in question.scope.split(" and ")}))  # fmt: skip


def probe(environment: Environment, target: SupabaseTarget, deadline: float) -> Found:
    """Plan, compute, pooler, disk, services, backups and access of the project, within `deadline` seconds.

    Raises Unreachable, also for a token that is missing or may not read, with the scope it lacks; Timeout,
    also where a rate limit ends too late; Unsupported for a path or a project that is not there; Malformed.
    """
    answers = _asked(target, QUESTIONS, deadline)
    return "", {**_sold(target, answers), **_state(target, answers), **_access(answers)}


def advisors(environment: Environment, target: SupabaseTarget, deadline: float) -> Found:
    """How many lints of each level the advisors have for the project. Raises as `probe` does."""
    answers = _asked(target, ADVISORS, deadline)
    return "", {
        f"{kind} > {name}": sum(lint.level == level for lint in answers[kind].lints)
        for kind in ADVISORS
        for name, level in (("errors", "ERROR"), ("warnings", "WARN"))
    }


# ---------------------------------------------------------------------------------------------- values


def _sold(target: SupabaseTarget, answers: Mapping[str, Any]) -> dict[str, Any]:
    """What is paid for, and what follows from it."""
    chosen = {addon.type: addon.variant.id for addon in answers["addons"].selected_addons}
    primaries = [pool for pool in answers["pools"] if pool.database_type == "PRIMARY"]
    if len(primaries) != 1:
        raise Malformed(f"{target.id}: the API tells of {len(primaries)} pools of the primary, not of one")
    pool, limit = primaries[0], answers["postgres"].max_connections
    return {
        "organization > plan": answers["organization"].plan,
        "addons > compute": chosen.get("compute_instance", NONE),
        "addons > pitr": chosen.get("pitr", NONE),
        "addons > ipv4": chosen.get("ipv4", NONE),
        "postgres > max_connections": NOT_OVERRIDDEN if limit is None else limit,
        "pooler > default pool size": pool.default_pool_size,
        "pooler > max clients": NOT_OVERRIDDEN if pool.max_client_conn is None else pool.max_client_conn,
        "pooler > pool mode": pool.pool_mode,
    }


def _state(target: SupabaseTarget, answers: Mapping[str, Any]) -> dict[str, Any]:
    """How the project is."""
    use = answers["disk"].metrics
    if not 0 <= use.fs_used_bytes <= use.fs_size_bytes or not use.fs_size_bytes:
        raise Malformed(f"{target.id}: the API says that more of the disk is used than there is")
    databases = _databases(target, answers["databases"])
    age = _age(answers["backups"])
    major = answers["project"].database.version.split(".")[0]
    return {
        "project > status": answers["project"].status,
        "project > postgres": int(major) if major.isdecimal() else major,
        "readonly > enabled": answers["readonly"].enabled,
        "disk > used": f"{100 * use.fs_used_bytes / use.fs_size_bytes:.4g}%",
        "disk > size": f"{use.fs_size_bytes / 2**30:.0f}GiB",
        "backups > newest > age": NONE if age is None else f"{age:.0f}s",
        "backups > pitr": answers["backups"].pitr_enabled,
        "upgrade > blockers": len(answers["upgrade"].validation_errors),
        "replicas > count": sum(database.type == "READ_REPLICA" for database in databases),
        **{f"service {each.name} > status": each.status for each in _services(target, answers["services"])},
        **{f"database {database.identifier} > status": database.status for database in databases},
        **{f"database {each.identifier} > compute": each.infra_compute_size for each in databases},
    }


def _access(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Who may come in, and how."""
    allowed = answers["restrictions"].config
    return {
        "ssl > enforced": answers["ssl"].currentConfig.database,
        "network > open to all": bool(_EVERYWHERE & {*allowed.dbAllowedCidrs, *allowed.dbAllowedCidrsV6}),
    }


def _services(target: SupabaseTarget, told: list[_Service]) -> list[_Service]:
    if missing := sorted(set(SERVICES) - {service.name for service in told}):
        raise Malformed(f"{target.id}: the API says nothing of the health of {', '.join(missing)}")
    return told


def _databases(target: SupabaseTarget, listed: _Projects) -> list[_Database]:
    found = [project for project in listed.projects if project.ref == target.project]
    if not found and listed.pagination.count > len(listed.projects):
        raise Unsupported(f"{target.id}: {target.project} is not among the first {_PAGE} projects")
    if not found or not found[0].databases:
        raise Malformed(f"{target.id}: {target.organization} does not list {target.project} with a database")
    return found[0].databases


def _age(backups: _Backups) -> float | None:
    """Seconds since the newest backup that was completed, None where there is none."""
    moments = [each.inserted_at for each in backups.backups if each.status == "COMPLETED"]
    if latest := backups.physical_backup_data.latest_physical_backup_date_unix:
        moments.append(datetime.fromtimestamp(latest, UTC))
    aware = [moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments]
    return (datetime.now(UTC) - max(aware)).total_seconds() if aware else None


# ------------------------------------------------------------------------------------------- questions


def _asked(target: SupabaseTarget, questions: Mapping[str, _Question], deadline: float) -> dict[str, Any]:
    """The answer to each question, all asked at once."""
    return asyncio.run(_bounded(target, questions, deadline))


async def _bounded(
    target: SupabaseTarget, questions: Mapping[str, _Question], deadline: float
) -> dict[str, Any]:
    ends = asyncio.get_running_loop().time() + deadline
    # a proxy of the environment leads to the internet, not to a stand-in
    async with httpx.AsyncClient(
        base_url=target.url,
        headers={"Authorization": f"Bearer {_token(target)}", "User-Agent": "scaling-guide"},
        timeout=None,
        trust_env=target.http is None,
        # without TLS there is nothing to verify, and reading the authorities takes a third of a second
        verify=target.http is None,
    ) as client:
        try:
            async with asyncio.timeout_at(ends), asyncio.TaskGroup() as group:
                tasks = {
                    name: group.create_task(_answer(client, target, question, ends))
                    for name, question in questions.items()
                }
        except TimeoutError:
            raise Timeout(f"{target.id}: not all requests were answered within {deadline:g} s") from None
        except ExceptionGroup as failed:
            raise _first(failed) from None
    return {name: task.result() for name, task in tasks.items()}


def _first(failed: ExceptionGroup[Exception]) -> Exception:
    inner = failed.exceptions[0]
    return _first(inner) if isinstance(inner, ExceptionGroup) else inner


async def _answer(client: httpx.AsyncClient, target: SupabaseTarget, question: _Question, ends: float) -> Any:
    path = question.path.format(project=target.project, organization=target.organization)
    shown = f"{target.id}: GET {path.partition('?')[0]}"
    while True:
        status, headers, body = await _response(client, path, shown)
        if status != 429:
            break
        await _patience(headers, shown, ends)
    _accept(status, shown, question.scope)
    try:
        return TypeAdapter(question.form).validate_json(body)
    except ValidationError as error:
        # where, and not what: a value may be a secret
        where = " > ".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"]))
        raise Malformed(f"{shown} answers in another form, at {where or 'its beginning'}") from None


async def _response(client: httpx.AsyncClient, path: str, shown: str) -> tuple[int, httpx.Headers, bytes]:
    """Status, headers and body. Raises Unreachable where nobody answers, Malformed for half an answer."""
    try:
        async with client.stream("GET", path) as response:
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LONGEST_BODY:
                    raise Malformed(f"{shown} answers with more than {LONGEST_BODY:,} bytes")
            return response.status_code, response.headers, body
    except httpx.ConnectError as error:
        raise Unreachable(f"{shown}: {error}") from None
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise Malformed(f"{shown}: no whole answer in HTTP: {type(error).__name__}") from None


async def _patience(headers: httpx.Headers, shown: str, ends: float) -> None:
    """Wait until a rate limit is over. Raises Timeout where it outlasts the deadline or has no end."""
    told = headers.get("retry-after") or headers.get("x-ratelimit-reset") or ""
    left = ends - asyncio.get_running_loop().time()
    if not told.isdecimal():
        raise Timeout(f"{shown} is over its rate limit, and the API does not say for how long")
    if int(told) >= left:
        raise Timeout(f"{shown} is over its rate limit for {told} s more, longer than the deadline allows")
    # 0 would ask in a circle
    await asyncio.sleep(max(int(told), 0.2))


def _accept(status: int, shown: str, scope: str) -> None:
    if status == 401:
        raise Unreachable(f"{shown} answers 401: the token is unknown, revoked or expired")
    if status == 403:
        raise Unreachable(f"{shown} answers 403: the token lacks the scope {scope}")
    if status == 404:
        raise Unsupported(f"{shown} answers 404: there is no such project, or no such path any more")
    if status >= 500:
        raise Unreachable(f"{shown} answers {status}: the management API itself is in trouble")
    if status != 200:
        raise Malformed(f"{shown} answers {status}, which says nothing of the project")


def _token(target: SupabaseTarget) -> str:
    """The token. Raises Unreachable where there is none, or where others may read its file."""
    if target.token_file is None:
        token = os.environ.get(VARIABLE, "").strip()
        where = f"the variable {VARIABLE}"
    else:
        token, where = _from_file(target.id, Path(target.token_file)), target.token_file
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise Unreachable(f"{target.id}: there is no token in {where}")
    return token


def _from_file(name: str, path: Path) -> str:
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Unreachable(f"{name}: {path} may be read by others: chmod 600")
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise Unreachable(f"{name}: {path} cannot be read: {reason}") from None


# ---------------------------------------------------------------------------------------------- by hand

# on standard input, and by a builtin: in the arguments of a program every user could read the token
_TOKEN = f'"$(cat {{token_file}} 2> /dev/null || printenv {VARIABLE})"'
_CURL = f"printf 'header = \"Authorization: Bearer %s\"\\n' {_TOKEN} | curl -fsS -K - '{{url}}"


def _look(question: _Question, fields: str) -> str:
    """A command that shows some fields of an answer, and nothing else of it."""
    return f"{_CURL}{question.path}' | jq -c '{fields}'"


LOOK: Mapping[str, str] = {
    "": _look(QUESTIONS["project"], ".status, .database.version"),
    "organization": _look(QUESTIONS["organization"], ".plan"),
    "addons": _look(QUESTIONS["addons"], ".selected_addons[].variant.id"),
    "postgres": _look(QUESTIONS["postgres"], ".max_connections"),
    "pooler": _look(QUESTIONS["pools"], ".[] | [.default_pool_size, .max_client_conn, .pool_mode]"),
    "disk": _look(QUESTIONS["disk"], ".metrics"),
    "readonly": _look(QUESTIONS["readonly"], ".enabled"),
    "backups": _look(QUESTIONS["backups"], ".pitr_enabled, .backups, .physical_backup_data"),
    "upgrade": _look(QUESTIONS["upgrade"], ".validation_errors"),
    "ssl": _look(QUESTIONS["ssl"], ".currentConfig"),
    "network": _look(QUESTIONS["restrictions"], ".config"),
    "replicas": _look(QUESTIONS["databases"], ".projects[] | [.ref, .databases]"),
    **{
        f"service {name}": _look(QUESTIONS["services"], ".[] | [.name, .status]") for name in ("*", *SERVICES)
    },
    "database *": _look(
        QUESTIONS["databases"], ".projects[].databases[] | [.identifier, .status, .infra_compute_size]"
    ),
}
LOOK_ADVISORS: Mapping[str, str] = {
    kind: _look(question, ".lints[] | [.level, .name]")
    for kind, question in (("", ADVISORS["performance"]), *ADVISORS.items())
}
"""For the first segment of a setting the command that shows a person the same, as `observe.LOOK` wants it."""

PROBES: Mapping[str, Probe] = {
    "supabase": Probe(
        probe,
        by_hand=LOOK,
        requests=REQUESTS,
    ),
    "supabase_advisors": Probe(
        advisors,
        by_hand=LOOK_ADVISORS,
        requests=ADVISOR_REQUESTS,
    ),
    "attested": Probe(
        attested.probe,
        by_hand={"": "sed -n '/^attestations:/,/^[b-z]/p' data/environments/{environment}.yml"},
        over=Over.NOTHING,
    ),
}
