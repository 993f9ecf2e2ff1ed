"""The stand-in for a machine applies both files as a machine would."""

import subprocess
import sys
from pathlib import Path

from scaling_guide.lab import files
from scaling_guide.lab.waiting import until
from scaling_guide.systems.linux import host


def test_settings_and_limits_stand_where_a_kernel_has_them() -> None:
    texts = host.files("net.core.somaxconn = 8192\n", "[Service]\nMemoryMax=1g\nTasksMax=5\nOther=1\n")
    assert texts["proc/sys/net/core/somaxconn"] == "8192\n"
    assert texts[f"{host.GROUP}/memory.max"] == f"{1024**3}\n"
    assert texts[f"{host.GROUP}/pids.max"] == "5\n"
    assert not [name for name in texts if "Other" in name]


def test_no_limit_is_written_as_the_kernel_writes_it() -> None:
    assert host.files("", "MemoryMax=infinity\n")[f"{host.GROUP}/memory.max"] == "max\n"


async def _applied(directory: Path, pid: int) -> None:
    async def missing() -> str | None:
        path = directory / host.APPLIED
        return None if path.exists() and path.read_text() == f"{pid}\n" else "not applied"

    await until(missing, 10)


def test_the_process_says_that_its_files_are_applied_and_ends_when_told(tmp_path: Path) -> None:
    import asyncio

    files.write(tmp_path, {host.SYSCTLS: "vm.swappiness = 10\n", host.SERVICE: ""})
    process = subprocess.Popen((sys.executable, "-m", host.__name__, str(tmp_path)))
    try:
        asyncio.run(_applied(tmp_path, process.pid))
        assert (tmp_path / "proc/sys/vm/swappiness").read_text() == "10\n"
        process.terminate()
        assert process.wait(5) == 0
    finally:
        process.kill()
