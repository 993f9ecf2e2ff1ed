"""PostgreSQL and PgBouncer: what connections, poolers, indexes, partitions and round trips are worth."""

import re
from collections.abc import Mapping
from pathlib import Path

from scaling_guide.lab.measure.rig import NotMeasured, Prepare, Rig, Sample, Take
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres.rig import password, pgbouncer, pooled, postgres, sql
from scaling_guide.systems.postgres.target import PostgresTarget

ORDERS = 300_000
CUSTOMERS = 10_000
ROLE = "app"

READ = f"""\
\\set id random(1, {ORDERS})
select status, total from app.orders where id = :id;
"""
ORDER = f"""\
\\set customer random(1, {CUSTOMERS})
begin;
select id, total from app.orders where customer_id = :customer order by created_at desc limit 20;
insert into app.orders (customer_id, status, total, created_at) values (:customer, 'open', 9.99, now());
commit;
"""


# ------------------------------------------------------------------------------------------ connections


def pool_size_reads(rig: Rig) -> Take:
    """Reads of one row from 64 clients through pools of several sizes."""
    return _through_pools(rig, rig.script("read.sql", READ), 100)


def pool_size_writes(rig: Rig) -> Take:
    """Orders, which wait for the disk, from 64 clients through pools of several sizes."""
    return _through_pools(rig, rig.script("order.sql", ORDER), 12)


def _through_pools(rig: Rig, script: str, transactions: int) -> Take:
    # a pool of each size side by side, since one that is resized opens its connections while it is measured
    for size in (1, 2, 4, 8, 16, 32):
        pooled(rig, f"appdb_{size}", f"pool_size={size} reserve_pool=0")

    def take(size: str) -> Sample:
        how = ("-c", "64", "-t", str(transactions), "--log", "--log-prefix=transactions", "-f", script)
        said = _pgbench(rig, pgbouncer(rig), *how, database=f"appdb_{size}")
        return {"throughput": _per_second(said), "p99": _percentile(rig, 0.99)}

    return take


def pooler_or_direct(rig: Rig) -> Take:
    """Reads from many clients that stay connected: to the database itself, and to the pooler before it."""
    script = rig.script("read.sql", READ)

    def take(clients: str) -> Sample:
        how = ("-c", clients, "-t", str(6000 // int(clients)), "-f", script)
        return {
            "direct": _per_second(_pgbench(rig, postgres(rig), *how)),
            "pooled": _per_second(_pgbench(rig, pgbouncer(rig), *how)),
        }

    return take


def connect_each_time(rig: Rig) -> Take:
    """Reads over connections that are kept, and over a new one each, directly and through the pooler."""
    script = rig.script("read.sql", READ)
    ways: dict[str, tuple[PostgresTarget | PgbouncerTarget, tuple[str, ...]]] = {
        "direct_kept": (postgres(rig), ("-t", "1000")),
        "direct_new": (postgres(rig), ("-t", "10", "-C")),
        "pooled_kept": (pgbouncer(rig), ("-t", "1000")),
        "pooled_new": (pgbouncer(rig), ("-t", "10", "-C")),
    }

    def take(variant: str) -> Sample:
        target, options = ways[variant]
        said = _pgbench(rig, target, "-c", "8", *options, "-f", script)
        return {"throughput": _per_second(said)}

    return take


def prepared_statements(rig: Rig) -> Take:
    """The same read sent as text, with parameters apart, and as a statement prepared once."""
    script = rig.script("read.sql", READ)

    def take(protocol: str) -> Sample:
        said = _pgbench(rig, postgres(rig), "-c", "8", "-t", "1500", "-M", protocol, "-f", script)
        return {"throughput": _per_second(said)}

    return take


# ---------------------------------------------------------------------------------------------- queries


def index_or_scan(rig: Rig) -> Take:
    """The newest orders of a customer in tables of several sizes, with the index for it and without."""
    _schema(rig)
    sizes = (1_000, 10_000, 100_000, ORDERS)
    for rows in sizes:
        for kind in ("scan", "index"):
            name = f"measured.orders_{kind}_{rows}"
            sql(rig, f"create table {name} as select * from app.orders where id <= {rows}")
            if kind == "index":
                sql(rig, f"create index on {name} (customer_id, created_at)")
            sql(rig, f"vacuum analyze {name}", f"grant select on {name} to {ROLE}")
            rig.script(f"{kind}_{rows}.sql", _NEWEST.format(name=name))

    def take(rows: str) -> Sample:
        # as many as take a fraction of a second
        times = {"index": 500, "scan": 2_000_000 // (int(rows) + 10_000)}
        return {
            kind: _milliseconds(
                _pgbench(rig, postgres(rig), "-c", "1", "-t", str(times[kind]), "-f", f"{kind}_{rows}.sql")
            )
            for kind in ("index", "scan")
        }

    return take


_NEWEST = f"""\
\\set customer random(1, {CUSTOMERS})
select id, total from {{name}} where customer_id = :customer order by created_at desc limit 20;
"""


def offset_or_key(rig: Rig) -> Take:
    """One page of a long list, after so many rows: skipped by OFFSET, and begun after the last key."""
    for rows in (100, 10_000, 100_000, 250_000):
        page = "select id, total from app.orders {} order by id limit 20 {};\n"
        rig.script(f"offset_{rows}.sql", page.format("", f"offset {rows}"))
        rig.script(f"key_{rows}.sql", page.format(f"where id > {rows}", ""))

    def take(rows: str) -> Sample:
        times = {"key": 500, "offset": 2_000_000 // (int(rows) + 10_000)}
        return {
            kind: _milliseconds(
                _pgbench(rig, postgres(rig), "-c", "1", "-t", str(times[kind]), "-f", f"{kind}_{rows}.sql")
            )
            for kind in ("offset", "key")
        }

    return take


def partition_pruning(rig: Rig) -> Take:
    """One event by its id in tables of several numbers of partitions, with the key in WHERE and without."""
    _schema(rig)
    for partitions in (1, 4, 16, 64, 256):
        name = f"measured.events_{partitions}"
        sql(
            rig,
            f"create table {name} (id bigint, day int, kind text, primary key (id, day)) "
            "partition by range (day)",
            f"do $$ begin for n in 0 .. {partitions - 1} loop execute format('create table {name}_%s "
            f"partition of {name} for values from (%s) to (%s)', n, "
            f"n * {DAYS // partitions}, (n + 1) * {DAYS // partitions}); end loop; end $$",
            f"insert into {name} select n, n % {DAYS}, 'visit' from generate_series(1, {EVENTS}) n",
            f"vacuum analyze {name}",
            f"grant select on {name} to {ROLE}",
        )
        for kind, condition in _CONDITIONS.items():
            text = _EVENT.format(name=name, condition=condition)
            rig.script(f"{kind}_{partitions}.sql", text)

    def take(partitions: str) -> Sample:
        return {
            kind: _milliseconds(
                _pgbench(rig, postgres(rig), "-c", "1", "-t", "150", "-f", f"{kind}_{partitions}.sql")
            )
            for kind in _CONDITIONS
        }

    return take


DAYS, EVENTS = 256, 51_200
_CONDITIONS = {"with_key": "id = :id and day = :day", "without_key": "id = :id"}
_EVENT = f"""\
\\set id random(1, {EVENTS})
\\set day :id % {DAYS}
select kind from {{name}} where {{condition}};
"""


def n_plus_one(rig: Rig) -> Take:
    """A page of orders with their customers: one query for each order, and one query in all."""
    for rows in (1, 5, 10, 20, 50):
        page = f"select id, customer_id from app.orders where id < :below order by id desc limit {rows}"
        each = "".join(
            f"\\set c{n} random(1, {CUSTOMERS})\nselect email from app.customers where id = :c{n};\n"
            for n in range(rows)
        )
        below = f"\\set below random(1000, {ORDERS})\n"
        joined = f"select page.id, c.email from ({page}) page join app.customers c on c.id = customer_id;\n"
        rig.script(f"queries_{rows}.sql", f"{below}{page};\n{each}")
        rig.script(f"join_{rows}.sql", f"{below}{joined}")

    def take(rows: str) -> Sample:
        return {
            kind: _milliseconds(
                _pgbench(rig, postgres(rig), "-c", "1", "-t", "200", "-f", f"{kind}_{rows}.sql")
            )
            for kind in ("queries", "join")
        }

    return take


MEASUREMENTS: Mapping[str, Prepare] = {
    "pool-size-reads": pool_size_reads,
    "pool-size-writes": pool_size_writes,
    "pooler-or-direct": pooler_or_direct,
    "connect-each-time": connect_each_time,
    "prepared-statements": prepared_statements,
    "index-or-scan": index_or_scan,
    "offset-or-key": offset_or_key,
    "partition-pruning": partition_pruning,
    "n-plus-one": n_plus_one,
}


# ---------------------------------------------------------------------------------------------- pgbench


def _pgbench(
    rig: Rig, target: PostgresTarget | PgbouncerTarget, *options: str, database: str | None = None
) -> str:
    """What pgbench said of a run as the application against a server, or against a pooler.

    Runs are bounded by transactions, since the seconds of `-T` include those in which clients log on.
    """
    where = ("-h", target.address, "-p", str(target.port), "-U", ROLE)
    program = f"{postgres(rig).binaries}/pgbench"
    return rig.run(
        program, *where, "-n", "-j", "2", *options, database or target.database, environ=password(rig, ROLE)
    )


def _per_second(said: str) -> float:
    return _figure(r"^tps = ([\d.]+)", said)


def _milliseconds(said: str) -> float:
    return _figure(r"^latency average = ([\d.]+) ms", said)


def _figure(pattern: str, said: str) -> float:
    found = re.search(pattern, said, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: ([1-9]\d*)", said, re.MULTILINE)
    if found is None or failed:
        raise NotMeasured(f"pgbench said: {' / '.join(said.strip().splitlines()[-3:])}")
    return float(found[1])


def _percentile(rig: Rig, share: float) -> float:
    """In milliseconds, from the log of pgbench, which is then removed."""
    logs = list(rig.scratch.glob("transactions.*"))
    # the third field of each line, in microseconds
    times = sorted(int(line.split()[2]) for log in logs for line in Path(log).read_text().splitlines())
    for log in logs:
        log.unlink()
    if not times:
        raise NotMeasured("pgbench left no log of its transactions")
    return times[min(int(share * len(times)), len(times) - 1)] / 1000


def _schema(rig: Rig) -> None:
    """A schema for tables of a measurement's own."""
    sql(rig, "create schema measured", f"grant usage on schema measured to {ROLE}")
    rig.undo.callback(sql, rig, "drop schema measured cascade")
