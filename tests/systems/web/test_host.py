"""What the host probe reads of a load balancer's files, and that a private key never comes along."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.lab import ca, files
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes import transport
from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.systems.web import host
from tests.systems import servers
from tests.systems.servers import HOST, SITE

DEADLINE = 5.0


@dataclass(frozen=True)
class Place:
    """A directory with a certificate, its key and a configuration, and the port where it is served."""

    directory: Path
    authority: ca.Authority
    port: int

    @property
    def certificate(self) -> Path:
        return self.directory / "site.pem"

    @property
    def key(self) -> Path:
        return self.directory / "site.key"

    @property
    def combined(self) -> Path:
        return self.directory / "combined.pem"

    @property
    def config(self) -> Path:
        return self.directory / "nginx.conf"

    @property
    def nginx(self) -> LoadBalancer:
        return servers.nginx_target(
            self.port,
            certificate=str(self.certificate),
            certificate_key=str(self.key),
            config=str(self.config),
        )

    @property
    def haproxy(self) -> LoadBalancer:
        return servers.haproxy_target(self.port, certificate=str(self.combined), config=str(self.config))

    def renew(self) -> None:
        """Put a new certificate in place, for Nginx and in the form for HAProxy."""
        issued = ca.issue(self.authority, SITE, 90)
        files.place_certificate(self.certificate, issued)
        files.place_certificate(self.combined, issued, combined=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("host")
    place = Place(directory, ca.authority(directory / "ca"), servers.free_port())
    place.renew()
    http = (
        f"server {{ listen {HOST}:{place.port} ssl; server_name {SITE};"
        f" ssl_certificate {place.certificate}; ssl_certificate_key {place.key}; }}"
    )
    with servers.nginx(directory, ports=[place.port], http=http):
        yield place


@pytest.fixture
def place(served: Place, tmp_path: Path) -> Place:
    """The same server, with files of its own that a test may spoil."""
    copy = Place(tmp_path, served.authority, served.port)
    for path in (served.certificate, served.key, served.combined, served.config):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / path.name).chmod(path.stat().st_mode)
    return copy


def look(target: LoadBalancer, deadline: float = DEADLINE) -> dict[str, Any]:
    return dict(host.probe(servers.environment(lb=target), target, deadline)[1])


@pytest.mark.parametrize("system", ["nginx", "haproxy"])
def test_the_files_of_a_healthy_server_show_everything_that_is_documented(place: Place, system: str) -> None:
    place.config.chmod(0o644)
    values = look(getattr(place, system))
    serial = values.pop("certificate > serial on disk")
    assert int(serial, 16) > 0
    owner = f"{place.config.owner()}:{place.config.group()}"
    assert values == {
        "private key > mode": "600",
        "private key > owner": owner,
        "config > mode": "644",
        "config > owner": owner,
        "certificate > served is disk": "yes",
    }


def test_a_key_that_others_can_read_is_seen(place: Place) -> None:
    place.key.chmod(0o640)
    assert look(place.nginx)["private key > mode"] == "640"
    assert look(place.haproxy)["private key > mode"] == "600"


def test_the_mode_is_the_files_and_not_the_links(place: Place) -> None:
    link = place.directory / "live.key"
    link.symlink_to(place.key)
    target = place.nginx.model_copy(update={"certificate_key": str(link)})
    assert look(target)["private key > mode"] == "600"


@pytest.mark.parametrize("system", ["nginx", "haproxy"])
def test_a_certificate_that_was_renewed_and_not_reloaded_is_seen(place: Place, system: str) -> None:
    place.renew()
    assert look(getattr(place, system))["certificate > served is disk"] == "no"


def test_only_the_first_certificate_of_the_file_is_compared(place: Place) -> None:
    assert place.certificate.read_text().count("BEGIN CERTIFICATE") == 2
    assert look(place.nginx)["certificate > served is disk"] == "yes"


# ------------------------------------------------------------------------------------ the private key


def everything_carried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    carried: list[str] = []
    original = transport.run_line

    def recording(*arguments: Any) -> tuple[int, str, str]:
        answer = original(*arguments)
        carried.extend(answer[1:])
        return answer

    monkeypatch.setattr(transport, "run_line", recording)
    return carried


@pytest.mark.parametrize("key_first", [True, False])
def test_the_private_key_stays_on_its_host(
    place: Place, monkeypatch: pytest.MonkeyPatch, key_first: bool
) -> None:
    parts = [place.key.read_text(), place.certificate.read_text()]
    place.combined.write_text("".join(parts if key_first else reversed(parts)))
    carried = everything_carried(monkeypatch)
    assert look(place.haproxy)["certificate > served is disk"] == "yes"
    assert "BEGIN CERTIFICATE" in "".join(carried)
    assert "PRIVATE KEY" not in "".join(carried)
    assert place.key.read_text().splitlines()[1] not in "".join(carried)


def test_the_private_key_stays_on_its_host_when_the_certificate_is_cut_off(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = place.certificate.read_text()[:200]
    place.combined.write_text(f"{half}\n{place.key.read_text()}")
    carried = everything_carried(monkeypatch)
    found = failure(place.haproxy)
    assert isinstance(found, Malformed)
    assert "PRIVATE KEY" not in "".join(carried)
    assert half.splitlines()[1] not in str(found)


# --------------------------------------------------------------------------- files that cannot be read


def failure(target: LoadBalancer, deadline: float = DEADLINE) -> CannotObserve:
    with pytest.raises(CannotObserve) as caught:
        look(target, deadline)
    return caught.value


@pytest.mark.parametrize("missing", ["certificate", "key", "config"])
def test_a_missing_file_is_told_by_its_name(place: Place, missing: str) -> None:
    path: Path = getattr(place, missing)
    path.unlink()
    found = failure(place.nginx)
    assert isinstance(found, Unsupported)
    assert str(path) in str(found)


def test_a_file_that_cannot_be_read_is_no_verdict(place: Place) -> None:
    place.certificate.unlink()
    place.certificate.symlink_to(place.certificate)
    assert isinstance(failure(place.nginx), Unsupported)


def test_a_file_without_a_certificate_is_no_verdict(place: Place) -> None:
    place.certificate.write_text("")
    assert isinstance(failure(place.nginx), Malformed)


def test_names_with_spaces_and_quotes_are_only_names(place: Place) -> None:
    strange = place.directory / "it's; touch $(id) `x`.pem"
    strange.write_bytes(place.certificate.read_bytes())
    target = place.nginx.model_copy(update={"certificate": str(strange)})
    assert look(target)["certificate > served is disk"] == "yes"


def test_a_dead_transport_is_unreachable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{place.directory}")
    found = failure(place.nginx.model_copy(update={"host": "docker://no-such-container"}))
    assert isinstance(found, Unreachable)


def test_a_server_that_is_down_is_unreachable(place: Place) -> None:
    assert isinstance(failure(place.nginx.model_copy(update={"https": servers.free_port()})), Unreachable)


def test_a_server_that_never_answers_ends_at_the_deadline(place: Place) -> None:
    with servers.liar(servers.silent) as port:
        assert isinstance(failure(place.nginx.model_copy(update={"https": port}), 0.5), Timeout)
