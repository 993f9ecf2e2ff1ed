"""What the probe of a machine reads: files in a kernel's form, and the kernel that runs the tests."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.lab import files
from scaling_guide.probes.observation import Malformed, Unsupported
from scaling_guide.systems.linux import host
from scaling_guide.systems.linux import probe as linux
from scaling_guide.systems.linux.target import LinuxTarget
from tests.systems import servers

SYSCTLS = (
    "net.core.somaxconn = 8192\nnet.ipv4.ip_local_port_range = 10240 65000\n"
    "net.ipv4.tcp_keepalive_time = 300\n"
)
SERVICE = "[Service]\nMemoryMax=2g\nMemoryHigh=1800m\nMemorySwapMax=0\nTasksMax=2048\n"
GROUP = "system.slice/app.service"


def machine(directory: Path, **changes: Any) -> LinuxTarget:
    """A quiet machine below `directory`, with the two files applied."""
    texts = {host.SYSCTLS: SYSCTLS, host.SERVICE: SERVICE, **host.files(SYSCTLS, SERVICE)}
    files.write(directory, texts)
    given = {
        "proc": directory / "proc",
        "sys": directory / "sys",
        "config": directory / host.SYSCTLS,
    } | changes
    return LinuxTarget(
        system="linux",
        version="6.1",
        address="127.67.0.1",
        **{name: str(path) for name, path in given.items()},
    )


def seen(target: LinuxTarget) -> Mapping[str, Any]:
    return linux.probe(servers.environment(host=target), target, 5.0)[1]


def test_a_quiet_machine_has_its_settings_and_lost_nothing(tmp_path: Path) -> None:
    values = seen(machine(tmp_path))
    assert values["sysctl > net.core.somaxconn"] == "8192"
    assert values["sysctl > net.ipv4.ip_local_port_range"] == "10240 65000"
    assert values["sysctl > net.ipv4.tcp_keepalive_time"] == "300s"
    assert values["file > not in force"] == "none"
    assert values["pressure > cpu > some > avg60"] == "0.0%"
    assert values["listen > overflows"] == "0.0000%"
    assert values["service > memory > limit"] == str(2 * 1024**3)
    assert values["memory > transparent huge pages"] == "madvise"


def test_a_setting_of_the_file_that_the_kernel_does_not_have_is_named(tmp_path: Path) -> None:
    target = machine(tmp_path)
    Path(target.config).write_text(f"{SYSCTLS}# a comment = 1\nnet.core.somaxconn = 1\nvm.swappiness = 1\n")
    assert seen(target)["file > not in force"] == "net.core.somaxconn, vm.swappiness"


def test_a_file_that_is_not_there_or_empty_is_not_in_force(tmp_path: Path) -> None:
    target = machine(tmp_path)
    Path(target.config).write_text("# nothing\n")
    assert seen(target)["file > not in force"] == "the file is empty"
    Path(target.config).unlink()
    assert seen(target)["file > not in force"] == "the file is not there"


def test_counters_are_shares_of_what_they_are_a_part_of(tmp_path: Path) -> None:
    target = machine(tmp_path)
    netstat = tmp_path / "proc/net/netstat"
    netstat.write_text(netstat.read_text().replace("TcpExt: 0 0 0 0", "TcpExt: 0 0 8000 8000"))
    (tmp_path / "proc/sys/net/netfilter/nf_conntrack_max").write_text("1024\n")
    values = seen(target)
    assert values["listen > overflows"] == "1.0000%"
    assert values["connections tracked > used"] == "50.0000%"


def test_what_a_kernel_does_not_have_is_absent_and_not_zero(tmp_path: Path) -> None:
    target = machine(tmp_path)
    shutil.rmtree(tmp_path / "proc/pressure")
    (tmp_path / "proc/sys/net/netfilter/nf_conntrack_count").unlink()
    shutil.rmtree(tmp_path / "sys/fs/cgroup")
    values = seen(target)
    assert not [name for name in values if name.startswith(("pressure", "connections tracked", "service"))]
    assert values["sysctl > net.core.somaxconn"] == "8192"


def test_version_one_of_control_groups_has_no_limit_in_its_own_words(tmp_path: Path) -> None:
    target = machine(tmp_path)
    shutil.rmtree(tmp_path / "sys/fs/cgroup")
    group = f"sys/fs/cgroup/memory/{GROUP}"
    files.write(
        tmp_path,
        {
            f"{group}/memory.limit_in_bytes": "9223372036854771712\n",
            f"{group}/memory.usage_in_bytes": "1048576\n",
            f"{group}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            f"sys/fs/cgroup/cpu/{GROUP}/cpu.stat": "nr_periods 200\nnr_throttled 50\n",
        },
    )
    values = seen(target)
    assert values["service > memory > limit"] == "max"
    assert values["service > memory > killed"] == 2
    assert values["service > cpu > throttled"] == "25.0000%"
    assert "service > memory > share" not in values


def test_the_kernel_that_runs_this_is_understood() -> None:
    target = LinuxTarget(system="linux", version="6.1", address="127.67.0.1")
    version, values = linux.probe(servers.environment(host=target), target, 5.0)
    assert int(version.split(".")[0]) >= 4
    assert int(values["sysctl > net.core.somaxconn"]) > 0
    assert values["file > not in force"] == "the file is not there"
    assert {
        "listen > overflows",
        "segments > sent again",
        "open files > used",
        "memory > available",
    } <= values.keys()


def test_a_directory_without_a_kernel_is_not_taken_for_a_quiet_one(tmp_path: Path) -> None:
    target = machine(tmp_path, proc=tmp_path / "nowhere")
    with pytest.raises(Unsupported, match="names no kernel"):
        seen(target)


def test_a_kernel_without_counters_of_tcp_is_malformed(tmp_path: Path) -> None:
    target = machine(tmp_path)
    (tmp_path / "proc/net/netstat").write_text("TcpExt: ListenOverflows ListenDrops\nTcpExt: 0\n")
    with pytest.raises(Malformed, match="no counters"):
        seen(target)
