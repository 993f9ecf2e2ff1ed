"""The application's cache: what a hit, a lock and times to live that differ are worth."""

import re
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from scaling_guide.lab.measure.rig import NotMeasured, Prepare, Rig, Sample, Take
from scaling_guide.lab.measure.wrk import script, wrk
from scaling_guide.model.target import AppTarget
from scaling_guide.systems.app.program.cache import GENERATION
from scaling_guide.systems.postgres.rig import pgbouncer, postgres
from scaling_guide.systems.redis.target import RedisTarget

CUSTOMERS = 100
ORIGIN_MILLISECONDS = 200
WARM_MILLISECONDS = 300
WINDOW_MILLISECONDS = 10_000
FEWEST_KEYS = 100
# where it is the cache that is measured, no busy moment of the machine may pass for one of the cache
PATIENCE = {"APP_CACHE_TIMEOUT": "2s"}


def cache_hit_or_miss(rig: Rig) -> Take:
    """The newest orders of a customer: kept already, kept by nobody yet, and asked for past the cache."""
    rig.target("redis-cache")
    database = tuple(each.id for each in (postgres(rig, "postgres-replica"), pgbouncer(rig)))
    # what lives for a millisecond is missing whenever it is asked for again
    missing = _set(rig, "app-2", **PATIENCE, APP_CACHE_TTL="1ms")
    kept = _set(rig, "app-1", **PATIENCE)
    # both instances have one cache, so what one keeps the other must not ask for
    ways = {
        "hit": (kept, "/cached/customers", 0),
        "miss": (missing, "/cached/customers", CUSTOMERS),
        "without": (kept, "/api/customers", 0),
    }
    for name, (_, path, after) in ways.items():
        script(rig, f"{name}.lua", _IN_TURN.format(customers=CUSTOMERS, path=path, after=after))

    def take(way: str) -> Sample:
        app, _, _ = ways[way]
        app_before, database_before = rig.processor(app.id), rig.processor(*database)
        load = wrk(rig, _url(app, "/"), clients=16, lua=f"{way}.lua")
        return {
            "throughput": load.throughput,
            "app": 1000 * (rig.processor(app.id) - app_before) / load.requests,
            "database": 1000 * (rig.processor(*database) - database_before) / load.requests,
        }

    return take


_IN_TURN = """\
local customer = 0
function request()
  customer = customer % {customers} + 1
  return wrk.format("GET", "{path}/" .. {after} + customer .. "/orders")
end
"""


def stampede(rig: Rig) -> Take:
    """One key that many ask for ends while they do: how often its value is computed."""
    cache = _cache(rig)
    apps = {
        "lock": _set(rig, "app-1", **PATIENCE),
        "no_lock": _set(rig, "app-2", **PATIENCE, APP_CACHE_LOCK="0s"),
    }
    script(rig, "computed.lua", _COMPUTED)
    names = (f"hot-{number}" for number in count())

    def take(clients: str) -> Sample:
        return {kind: computed(app, next(names), int(clients)) for kind, app in apps.items()}

    def computed(app: AppTarget, name: str, clients: int) -> float:
        kept = ("SET", f"cache:{GENERATION}:value:{name}", '{"name": "hot"}', "PX", str(WARM_MILLISECONDS))
        _redis_cli(rig, cache, *kept)
        url = _url(app, f"/cached/{name}?ms={ORIGIN_MILLISECONDS}")
        return wrk(rig, url, clients=clients, lua="computed.lua").counted

    return take


_COMPUTED = """\
counted = 0
function response(status, headers, body)
  if body:find('"computed":true', 1, true) then counted = counted + 1 end
end
"""


def ttl_jitter(rig: Rig) -> Take:
    """Many keys written within a second: how many of them end in the worst ten seconds an hour later."""
    cache = _cache(rig)
    apps = {
        "without": _set(rig, "app-2", **PATIENCE, APP_CACHE_JITTER="0%"),
        "one_percent": _set(rig, "app-3", **PATIENCE, APP_CACHE_JITTER="1%"),
        "documented": _set(rig, "app-1", **PATIENCE),
    }
    rig.script("window.lua", _WINDOW)
    batches = count()

    def take(jitter: str) -> Sample:
        batch = f"batch-{next(batches)}"
        lua = script(rig, "write.lua", _WRITE.format(batch=batch))
        wrk(rig, _url(apps[jitter], "/"), clients=16, lua=lua)
        asked = ("--eval", "window.lua", ",", f"cache:{GENERATION}:value:{batch}-*", str(WINDOW_MILLISECONDS))
        return {"share": _share(_redis_cli(rig, cache, *asked))}

    return take


_WRITE = """\
local key = 0
function request()
  key = key + 1
  return wrk.format("GET", "/cached/{batch}-" .. key .. "?ms=0")
end
"""
_WINDOW = """\
-- how many keys there are of a pattern, and how many of them end within so many milliseconds at most
local ends, seen, cursor = {}, {}, "0"
repeat
  local found = redis.call("SCAN", cursor, "MATCH", ARGV[1], "COUNT", 1000)
  cursor = found[1]
  for _, key in ipairs(found[2]) do
    if not seen[key] then
      seen[key] = true
      table.insert(ends, redis.call("PEXPIRETIME", key))
    end
  end
until cursor == "0"
table.sort(ends)
local most, first = 0, 1
for last = 1, #ends do
  while ends[last] - ends[first] >= tonumber(ARGV[2]) do first = first + 1 end
  most = math.max(most, last - first + 1)
end
return {#ends, most}
"""


def redis_io_threads(rig: Rig) -> Take:
    """Keys looked up in two servers in memory alone, one of which has a thread more for its sockets."""
    address = rig.target("redis-cache").address
    ports = {"1": 16380, "2": 16381}
    for threads, port in ports.items():
        options = ("--bind", address, "--port", str(port), "--save", "", "--io-threads", threads)
        rig.serve(address, port, "redis-server", *options)

    def take(threads: str) -> Sample:
        asked = ("redis-benchmark", "-h", address, "-p", str(ports[threads]), "-t", "set,get", "--csv")
        return {
            name: lookups(rig.run(*asked, "-c", "50", "-n", str(requests), "-d", str(size)))
            for name, (requests, size) in {"small": (60_000, 64), "large": (30_000, 16_384)}.items()
        }

    return take


MEASUREMENTS: Mapping[str, Prepare] = {
    "redis-io-threads": redis_io_threads,
    "cache-hit-or-miss": cache_hit_or_miss,
    "stampede": stampede,
    "ttl-jitter": ttl_jitter,
}


# ---------------------------------------------------------------------------------------------- servers


def _set(rig: Rig, name: str, **settings: str) -> AppTarget:
    """An instance of the application with other settings, until the measurement is over."""
    path = rig.lab.directory(name) / "app.env"
    before = text = path.read_text()
    for setting, value in settings.items():
        line = f"{setting}={value}"
        text, replaced = re.subn(rf"^{setting}=.*$", line, text, flags=re.MULTILINE)
        if not replaced:
            raise NotMeasured(f"{name} has no {setting}")
        rig.noted.append(f"app.env of {name}: {line}")
    rig.undo.callback(_written, rig, name, path, before)
    _written(rig, name, path, text)
    target = rig.target(name)
    assert isinstance(target, AppTarget)
    return target


def _written(rig: Rig, name: str, path: Path, text: str) -> None:
    path.write_text(text)
    # nobody waits for its answers, so there is nothing to drain
    for operation in ("kill", "start"):
        rig.order(operation, name)


def _url(app: AppTarget, path: str) -> str:
    return f"http://{app.address}:{app.http}{path}"


def _cache(rig: Rig) -> RedisTarget:
    target = rig.target("redis-cache")
    assert isinstance(target, RedisTarget)
    return target


def _redis_cli(rig: Rig, target: RedisTarget, *command: str) -> str:
    where = ("-h", target.address, "-p", str(target.port), "--user", target.operator)
    password = Path(target.operator_password_file).read_text()
    # with -e an error of the server is one of the command
    return rig.run("redis-cli", "-e", *where, *command, environ={"REDISCLI_AUTH": password})


def lookups(said: str) -> float:
    """How many lookups in a second redis-benchmark told of. Raises NotMeasured where it told of none."""
    found = re.search(r'^"GET","([0-9.]+)"', said, flags=re.MULTILINE)
    if found is None or not float(found[1]):
        raise NotMeasured(f"redis-benchmark said: {' / '.join(said.split()) or 'nothing'}")
    return float(found[1])


def _share(said: str) -> float:
    """In percent, from the number of keys and of those in the window."""
    found = re.fullmatch(r"(\d+)\n(\d+)\n?", said)
    if found is None or int(found[1]) < FEWEST_KEYS:
        raise NotMeasured(f"redis-cli said: {' / '.join(said.split()) or 'nothing'}")
    return 100 * int(found[2]) / int(found[1])
