from pathlib import Path

import pytest

from scaling_guide.systems.app.program.settings import limits_of, options

TEXT = "# limits\nAPP_KEEP_ALIVE=75s\nAPP_DRAIN=500ms\n\nAPP_SHUTDOWN=1m\nAPP_REQUEST_TIMEOUT=25\n"


def test_durations_are_read_as_seconds() -> None:
    limits = limits_of(TEXT)
    assert (limits.keep_alive, limits.drain, limits.shutdown, limits.request_timeout) == (75, 0.5, 60, 25)


def test_faults_are_off_unless_stated() -> None:
    assert (limits_of(TEXT).liveness_status, limits_of(TEXT).health_cache_control) == (200, "no-store")
    faulty = limits_of(f"{TEXT}APP_LIVENESS_STATUS=500\nAPP_HEALTH_CACHE_CONTROL=max-age=60\n")
    assert (faulty.liveness_status, faulty.health_cache_control) == (500, "max-age=60")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TEXT.replace("APP_DRAIN=500ms\n", ""), "the settings lack APP_DRAIN"),
        (f"{TEXT}APP_DRAINS=1s\n", "`APP_DRAINS=1s` is no setting"),
        (f"{TEXT}APP_DRAIN\n", "`APP_DRAIN` is no setting"),
        (f"{TEXT}APP_DRAIN=soon\n", "`soon` is not a duration"),
    ],
    ids=["missing", "unknown", "without value", "wrong unit"],
)
def test_a_wrong_settings_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        limits_of(text)


def arguments(settings: Path) -> list[str]:
    given = {"host": "127.77.0.31", "port": "8000", "instance": "app-1", "version": "1.0"}
    files = {"session-key": "key", "ledger": "ledger", "settings": str(settings)}
    return [f"--{name}={value}" for name, value in (given | files).items()]


def test_the_settings_file_may_state_another_version(tmp_path: Path) -> None:
    settings = tmp_path / "app.env"
    settings.write_text(TEXT)
    assert options(arguments(settings)).version == "1.0"
    settings.write_text(f"{TEXT}APP_VERSION=0.9\n")
    assert options(arguments(settings)).version == "0.9"


def test_a_settings_file_that_cannot_be_used_ends_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        options(arguments(tmp_path / "gone"))
    assert "--settings: [Errno 2]" in capsys.readouterr().err


def test_places_are_told_on_the_command_line_and_patience_by_the_file(tmp_path: Path) -> None:
    settings = tmp_path / "app.env"
    settings.write_text(f"{TEXT}APP_POOL_SIZE=4\nAPP_POOL_TIMEOUT=500ms\nAPP_POOL_LIFETIME=30min\n")
    where = ["--database=127.0.0.1:6432/appdb", "--readers=127.0.0.1:6432/appdb_ro", "--passfile=/tmp/pass"]
    given = options([*arguments(settings), *where])
    assert (given.databases.primary, given.databases.readers) == (
        "127.0.0.1:6432/appdb",
        "127.0.0.1:6432/appdb_ro",
    )
    assert given.databases.passfile == Path("/tmp/pass")
    assert (given.patience.size, given.patience.checkout, given.patience.lifetime) == (4, 0.5, 1800)
