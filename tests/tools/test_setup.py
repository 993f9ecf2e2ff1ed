"""tools/setup on machines of every kind: a small tree stands in for /, stubs for what would change it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "tools" / "setup"
LAB_PROGRAMS = (
    *("nginx", "haproxy", "socat", "curl", "wrk", "openssl", "ps", "ss", "setpriv"),
    *("postgres", "pgbouncer", "redis-server", "redis-sentinel", "redis-cli", "memcached"),
)
BASE_TOOLS = [
    "awk",
    "bash",
    "cat",
    "cksum",
    "cp",
    "dirname",
    "env",
    "grep",
    "install",
    "ln",
    "mkdir",
    "mktemp",
    "mv",
    "readlink",
    "rm",
    "sh",
    "touch",
]
OS_RELEASE = {
    "debian": "ID=debian\nVERSION_ID=12\n",
    "rocky": 'ID="rocky"\nID_LIKE="rhel centos fedora"\n',
    "arch": "ID=arch\n",
    "alpine": "ID=alpine\n",
}

PYTHON = f"""#!/bin/sh
if [ "$1" = --version ]; then echo Python 3.11.2; exit; fi
echo "python $*" >>"$CALLS"
case "$*" in
  "-c import sys"*) [ ! -e "$0.version" ] || '{sys.executable}' -I -c "
import sys; sys.version_info = $(cat "$0.version")
$2" ;;
  "-c import ensurepip"*) [ -e "$SETUP_ROOT/python3-venv" ] ;;
  "-m venv .venv") mkdir -p .venv/bin && ln -s "$0" .venv/bin/python ;;
  *pip*) [ ! -e "$SETUP_ROOT/no-network" ] || {{ echo "no route to the registry"; exit 1; }} ;;
esac
"""
APT_GET = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do [ "$1" = -o ] && shift; shift; done
echo "apt-get $*" >>"$CALLS"
[ "$1" = install ] || exit 0
sh "$SETUP_ROOT/usr/sbin/policy-rc.d"
echo "a server may start: $?, frontend: $DEBIAN_FRONTEND" >>"$CALLS"
[ ! -e "$SETUP_ROOT/no-disk" ] || { echo "No space left on device"; exit 100; }
shift 3
for package; do
  case $package in
    python3-venv) touch "$SETUP_ROOT/python3-venv" && continue ;;
    procps) program=ps ;;
    iproute2) program=ss ;;
    util-linux) program=setpriv ;;
    postgresql-15) program=postgres ;;
    redis-tools) program=redis-cli ;;
    *) program=$package ;;
  esac
  cp "$SETUP_ROOT/stub" "$SETUP_ROOT/usr/sbin/$program"
done
"""


class Machine:
    """A bare machine, as root on Debian 12 until a test changes that."""

    def __init__(self, base: Path) -> None:
        self.root = base / "root"
        self.project = base / "project"
        self.calls_file = base / "calls"
        for directory in ("bin", "usr/bin", "usr/sbin", "etc"):
            (self.root / directory).mkdir(parents=True)
        for tool in BASE_TOOLS:
            found = shutil.which(tool)
            assert found, f"these tests need {tool}"
            (self.root / "bin" / tool).symlink_to(found)
        self.program("stub", "#!/bin/sh\n")
        self.program("bin/id", "#!/bin/sh\necho 0\n")
        self.program("bin/apt-get", APT_GET)
        self.program("usr/bin/python3", PYTHON)
        self.distribution("debian")
        (self.project / "tools").mkdir(parents=True)
        shutil.copy(SETUP, self.project / "tools" / "setup")
        for listed in SETUP.parents[1].glob("scaling_guide/systems/*/packages"):
            copy = self.project / listed.relative_to(SETUP.parents[1])
            copy.parent.mkdir(parents=True)
            shutil.copy(listed, copy)
        (self.project / "requirements.lock").write_text("first==1.0 \\\n    --hash=sha256:00\nsecond==2.0\n")
        (self.project / "pyproject.toml").write_text("[project]\n")

    @property
    def policy(self) -> Path:
        return self.root / "usr/sbin/policy-rc.d"

    def program(self, path: str, text: str = "#!/bin/sh\n") -> None:
        (self.root / path).write_text(text)
        (self.root / path).chmod(0o755)

    def distribution(self, name: str) -> None:
        (self.root / "etc/os-release").write_text(OS_RELEASE[name])

    def has_everything_for_the_lab(self) -> None:
        for program in LAB_PROGRAMS:
            self.program(f"usr/sbin/{program}")
        (self.root / "python3-venv").touch()

    def ordinary_user(self, *, may_sudo: bool | None) -> None:
        """No sudo on the machine (None), sudo without a right to it, or with one."""
        self.program("bin/id", "#!/bin/sh\necho 1000\n")
        if may_sudo is not None:
            answer = f'[ "$1" != -n ] || exit {0 if may_sudo else 1}'
            self.program("bin/sudo", f'#!/bin/sh\n{answer}\necho "sudo $1" >>"$CALLS"\nexec "$@"\n')

    def set_up(self, *needs: str) -> subprocess.CompletedProcess[str]:
        self.calls_file.write_text("")
        return subprocess.run(
            [str(self.project / "tools" / "setup"), *needs],
            env={
                "PATH": str(self.root / "bin"),
                "SETUP_ROOT": str(self.root),
                "CALLS": str(self.calls_file),
                "TMPDIR": str(self.root),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
        )

    @property
    def calls(self) -> list[str]:
        """What was run in the last set-up, apart from the looks at the interpreter."""
        return [line for line in self.calls_file.read_text().splitlines() if "python -c" not in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_bare_debian_gets_its_packages_then_the_locked_environment_then_the_project(machine: Machine) -> None:
    done = machine.set_up("lab")

    assert done.returncode == 0, done.stderr
    packages = (
        "haproxy memcached nginx pgbouncer postgresql-15 redis-server redis-tools redis-sentinel "
        "socat curl wrk openssl procps iproute2 util-linux python3-venv"
    )
    pip = "python -m pip install --disable-pip-version-check"
    assert machine.calls == [
        "apt-get update",
        f"apt-get install -y --no-install-recommends {packages}",
        "a server may start: 101, frontend: noninteractive",
        "python -m venv .venv",
        f"{pip} --require-hashes -r requirements.lock",
        f"{pip} --no-index --no-deps --no-build-isolation --editable .",
    ]
    assert done.stdout.splitlines() == [
        f"set-up: installing Debian packages: {packages}",
        "set-up: making .venv: Python 3.11.2, 2 locked packages",
        "set-up: installing the project into .venv",
    ]


def test_the_second_run_does_nothing_and_says_nothing(machine: Machine) -> None:
    machine.set_up("lab", "browser")
    again = machine.set_up("lab", "browser")

    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert machine.calls_file.read_text() == ""


@pytest.mark.parametrize(
    ("needs", "installed"),
    [
        ([], "python3-venv"),
        (["lab"], "haproxy python3-venv"),
        (["lab", "browser"], "haproxy chromium python3-venv"),
    ],
)
def test_only_what_is_asked_for_and_missing_is_installed(
    machine: Machine, needs: list[str], installed: str
) -> None:
    machine.has_everything_for_the_lab()
    (machine.root / "usr/sbin/haproxy").unlink()
    (machine.root / "python3-venv").unlink()

    machine.set_up(*needs)

    assert f"apt-get install -y --no-install-recommends {installed}" in machine.calls


def test_a_program_that_went_away_is_installed_again_and_the_environment_kept(
    machine: Machine,
) -> None:
    machine.set_up("lab")
    (machine.root / "usr/sbin/socat").unlink()

    assert machine.set_up("lab").stdout == "set-up: installing Debian packages: socat\n"
    assert not [call for call in machine.calls if call.startswith("python")]


def test_a_changed_lock_makes_the_environment_anew_without_what_left_the_lock(machine: Machine) -> None:
    machine.set_up()
    leftover = machine.project / ".venv" / "leftover"
    leftover.touch()
    (machine.project / "requirements.lock").write_text("first==2.0\n")

    assert "making .venv: Python 3.11.2, 1 locked packages" in machine.set_up().stdout
    assert not leftover.exists()


def test_a_changed_pyproject_installs_only_the_project_again(machine: Machine) -> None:
    machine.set_up()
    (machine.project / "pyproject.toml").write_text('[project]\nname = "other"\n')

    assert machine.set_up().stdout == "set-up: installing the project into .venv\n"


def test_an_environment_that_was_moved_is_made_anew(machine: Machine) -> None:
    machine.set_up()
    machine.project = machine.project.rename(machine.project.with_name("elsewhere"))

    assert "making .venv" in machine.set_up().stdout


def test_an_environment_whose_making_failed_is_made_anew_and_the_failure_is_shown(machine: Machine) -> None:
    (machine.root / "no-network").touch()
    failed = machine.set_up()
    assert failed.returncode != 0
    assert "no route to the registry" in failed.stderr

    (machine.root / "no-network").unlink()
    done = machine.set_up()
    assert done.returncode == 0
    assert "making .venv" in done.stdout


class TestPolicy:
    """policy-rc.d keeps Debian from starting the servers that it installs."""

    def test_a_policy_that_was_there_comes_back(self, machine: Machine) -> None:
        machine.program("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n")
        machine.set_up("lab")

        assert "a server may start: 101, frontend: noninteractive" in machine.calls
        assert machine.policy.read_text() == "#!/bin/sh\nexit 0\n"

    def test_none_stays_where_none_was(self, machine: Machine) -> None:
        machine.set_up("lab")
        assert list(machine.policy.parent.glob("policy-rc.d*")) == []

    def test_it_comes_back_when_the_installation_fails(self, machine: Machine) -> None:
        machine.program("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n")
        (machine.root / "no-disk").touch()
        failed = machine.set_up("lab")

        assert failed.returncode == 100
        assert "No space left on device" in failed.stderr
        assert machine.policy.read_text() == "#!/bin/sh\nexit 0\n"
        assert not (machine.project / ".venv").exists()

    def test_the_next_run_puts_back_what_a_killed_run_left_aside(self, machine: Machine) -> None:
        machine.program("usr/sbin/policy-rc.d", "#!/bin/sh\n# scaling-guide: left behind\nexit 101\n")
        machine.program("usr/sbin/policy-rc.d.before-scaling-guide", "#!/bin/sh\nexit 0\n")
        machine.set_up("lab")

        assert machine.policy.read_text() == "#!/bin/sh\nexit 0\n"
        assert not machine.policy.with_name("policy-rc.d.before-scaling-guide").exists()

    def test_only_servers_that_came_with_the_set_up_are_kept_out_of_boot(self, machine: Machine) -> None:
        machine.program("bin/systemctl", '#!/bin/sh\necho "systemctl $*" >>"$CALLS"\n')
        machine.program("usr/sbin/nginx")
        machine.set_up("lab")

        kept_out = ("haproxy", "memcached", "pgbouncer", "postgresql", "redis-server", "redis-sentinel")
        assert [call for call in machine.calls if call.startswith("systemctl")] == [
            f"systemctl disable {service}" for service in kept_out
        ]


def test_an_ordinary_user_installs_through_sudo(machine: Machine) -> None:
    machine.ordinary_user(may_sudo=True)
    done = machine.set_up("lab")

    assert done.returncode == 0, done.stderr
    assert machine.calls[machine.calls.index("apt-get update") - 1] == "sudo env"
    assert "a server may start: 101, frontend: noninteractive" in machine.calls


@pytest.mark.parametrize("may_sudo", [None, False])
def test_who_cannot_be_root_is_told_what_to_have_installed(machine: Machine, may_sudo: bool | None) -> None:
    machine.has_everything_for_the_lab()
    for program in ("haproxy", "ss"):
        (machine.root / "usr/sbin" / program).unlink()
    machine.ordinary_user(may_sudo=may_sudo)
    refused = machine.set_up("lab")

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "set-up: missing programs: haproxy ss",
        "set-up: As root: apt-get update && apt-get install --no-install-recommends haproxy iproute2",
        "set-up: Then run this again.",
    ]
    assert machine.calls == []


@pytest.mark.parametrize(
    ("distribution", "advice"),
    [
        ("rocky", "As root: dnf install nginx procps-ng"),
        ("arch", "As root: pacman -S --needed nginx procps-ng"),
        ("alpine", "Debian has them in these packages: nginx procps"),
    ],
)
def test_another_distribution_is_told_its_own_packages(
    machine: Machine, distribution: str, advice: str
) -> None:
    machine.has_everything_for_the_lab()
    for program in ("nginx", "ps"):
        (machine.root / "usr/sbin" / program).unlink()
    machine.distribution(distribution)
    refused = machine.set_up("lab")

    assert refused.returncode == 1
    assert "set-up: missing programs: nginx ps" in refused.stderr
    assert f"set-up: {advice}\n" in refused.stderr
    assert machine.calls == []


def test_nobody_needs_a_known_distribution_or_root_when_nothing_is_missing(machine: Machine) -> None:
    machine.has_everything_for_the_lab()
    machine.ordinary_user(may_sudo=None)
    machine.distribution("alpine")

    assert machine.set_up("lab").returncode == 0


class TestInterpreter:
    def test_the_system_python_comes_first_when_it_is_recent_enough(self, machine: Machine) -> None:
        (machine.root / "usr/bin/python3.version").write_text("(3, 11, 0)")
        machine.program("bin/python3", PYTHON)
        machine.set_up()

        assert (machine.project / ".venv/bin/python").readlink() == machine.root / "usr/bin/python3"

    def test_an_old_system_python_gives_way_to_the_one_on_path(self, machine: Machine) -> None:
        machine.has_everything_for_the_lab()
        (machine.root / "usr/bin/python3.version").write_text("(3, 10, 12)")
        machine.program("bin/python3", PYTHON)
        machine.set_up()

        assert (machine.project / ".venv/bin/python").readlink() == machine.root / "bin/python3"

    def test_without_a_recent_python_nothing_is_done(self, machine: Machine) -> None:
        (machine.root / "usr/bin/python3.version").write_text("(3, 10, 12)")
        refused = machine.set_up("lab")

        assert refused.returncode == 1
        assert "no Python 3.11 or later" in refused.stderr
        assert machine.calls == []
