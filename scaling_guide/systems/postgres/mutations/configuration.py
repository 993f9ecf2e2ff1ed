"""Settings that are not the reviewed file's: not reloaded, not restarted, altered, overridden."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.forms import behind_its_back, changed_on_disk, edit, edited
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.mutations.statements import execute, postgres_of, statements, until


@asynccontextmanager
async def override_missing(bench: Bench) -> AsyncIterator[str]:
    """A role lost the time limit of its own, and has the server's, which is no limit for a request."""
    await bench.restore()
    do = "alter role app reset statement_timeout"
    try:
        await execute(postgres_of(bench), do)
        yield do
    finally:
        await execute(postgres_of(bench), bench.pristine[postgres.IDENTITIES])


@asynccontextmanager
async def reload_refused(bench: Bench) -> AsyncIterator[str]:
    """The file has an error, so that a reload changed nothing at all."""
    await bench.restore()
    text = bench.pristine["postgresql.conf"] + "no_such_setting = on\n"
    async with behind_its_back(bench, {"postgresql.conf": text}):
        with contextlib.suppress(ReloadRefused):
            await postgres.reloaded(bench.pid, postgres_of(bench))
            raise DidNotLand("the reload was not refused")
        yield "no_such_setting = on, reloaded and refused"


def not_restarted(setting: str, value: str) -> Applied:
    """A setting that needs a restart, changed in the file and only reloaded."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        texts = edit(bench.pristine, (rf"^{setting} = .*", f"{setting} = {value}"))
        async with behind_its_back(bench, texts):
            pending = await postgres.reloaded(bench.pid, postgres_of(bench))
            if setting not in pending:
                raise DidNotLand(f"{setting} does not wait for a restart")
            yield f"{setting} = {value}, not restarted"

    return applied


@asynccontextmanager
async def altered_system(bench: Bench) -> AsyncIterator[str]:
    """A setting made by ALTER SYSTEM: the reviewed file does not say so, and loses against it.

    The same value as the file's, so that only where it comes from differs.
    """
    await bench.restore()
    target = postgres_of(bench)
    try:
        await execute(target, "alter system set log_lock_waits = on", "select pg_reload_conf()")
        await until(bench, target, f"{_ALTERED} and sourcefile like '%auto.conf'")
        yield "alter system set log_lock_waits = on"
    finally:
        await execute(target, "alter system reset all", "select pg_reload_conf()")
        await until(bench, target, f"{_ALTERED} and sourcefile not like '%auto.conf'")


_ALTERED = "select 1 from pg_settings where name = 'log_lock_waits'"


_PRELOAD = "shared_preload_libraries = "


MUTATIONS: Mutations = {
    "reload-forgotten": changed_on_disk((r"^work_mem = [0-9]+", "work_mem = 9")),
    "reload-refused": reload_refused,
    "restart-forgotten": not_restarted("shared_buffers", "128MB"),
    "altered-system": altered_system,
    "statements-not-loaded": edited((rf"^{_PRELOAD}.*", f"{_PRELOAD}'auto_explain'")),
    "statements-extension-dropped": statements(
        "drop extension pg_stat_statements", "create extension pg_stat_statements"
    ),
    "override-of-role": statements("alter role app set work_mem = '1GB'", "alter role app reset work_mem"),
    "override-of-planner": statements(
        "alter database appdb set enable_seqscan = off", "alter database appdb reset enable_seqscan"
    ),
    "override-of-function": statements(
        "create function app.proof() returns int language sql set work_mem = '1GB' as 'select 1'",
        "drop function if exists app.proof()",
    ),
    "checker-powerful": statements(
        "grant pg_read_all_data, pg_signal_backend to scaling_ro",
        "revoke pg_read_all_data, pg_signal_backend from scaling_ro",
    ),
    "checker-stores": statements(
        "grant execute on function lo_create(oid) to public",
        "revoke execute on function lo_create(oid) from public",
    ),
    "override-missing": override_missing,
    "override-of-database": statements(
        "alter role app in database appdb set statement_timeout = '1h'",
        "alter role app in database appdb reset all",
    ),
    "pruning-off": edited((r"^(jit = .*)", r"\1\nenable_partition_pruning = off")),
}
