import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from scaling_guide.lab import ca
from scaling_guide.lab.files import place_certificate

NAME = "app.lab.test"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ca")


@pytest.fixture(scope="module")
def signer(home: Path) -> ca.Authority:
    return ca.authority(home)


def shake_hands(home: Path, tmp_path: Path, issued: ca.Issued, name: str = NAME) -> None:
    """Do a handshake as a client that trusts the root only. Raises ssl.SSLCertVerificationError."""
    place_certificate(tmp_path / "server.pem", issued)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            serving.wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        near.settimeout(5)
        ssl.create_default_context(cafile=home / "ca.pem").wrap_socket(near, server_hostname=name).close()
    finally:
        near.close()
        server.join(5)


def test_a_certificate_is_trusted_by_whoever_trusts_the_root(
    home: Path, tmp_path: Path, signer: ca.Authority
) -> None:
    shake_hands(home, tmp_path, ca.issue(signer, NAME, 90))


def test_it_is_good_for_the_names_and_addresses_given_and_no_other(
    home: Path, tmp_path: Path, signer: ca.Authority
) -> None:
    issued = ca.issue(signer, NAME, names=["www.lab.test", "127.77.0.20"])
    for name in ("www.lab.test", "127.77.0.20"):
        shake_hands(home, tmp_path, issued, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(home, tmp_path, issued, NAME)


@pytest.mark.parametrize(
    ("days", "options", "name", "reason"),
    [
        (-3, {}, NAME, "certificate has expired"),
        (90, {}, "other.lab.test", "Hostname mismatch"),
        (90, {"intermediate": False}, NAME, "unable to get local issuer certificate"),
    ],
    ids=["expired", "wrong name", "missing intermediate"],
)
def test_a_fault_is_the_one_that_was_asked_for(
    home: Path,
    tmp_path: Path,
    signer: ca.Authority,
    days: int,
    options: dict[str, bool],
    name: str,
    reason: str,
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        shake_hands(home, tmp_path, ca.issue(signer, NAME, days, **options), name)


@pytest.mark.parametrize("days", [90, 5, -3])
def test_the_end_is_as_many_days_away_as_asked_and_the_lifetime_is_that_of_public_ones(
    signer: ca.Authority, days: int
) -> None:
    leaf = x509.load_pem_x509_certificate(ca.issue(signer, NAME, days).chain)
    left = leaf.not_valid_after_utc - datetime.now(UTC)
    assert abs(left - timedelta(days=days)) < timedelta(minutes=1)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == ca.LIFETIME + ca.SKEW


def test_an_authority_is_made_once(home: Path, signer: ca.Authority) -> None:
    assert ca.authority(home).root == signer.root


def test_the_key_of_the_root_is_not_kept(home: Path, signer: ca.Authority) -> None:
    assert sorted(path.name for path in home.iterdir()) == ["ca.pem", "intermediate.key", "intermediate.pem"]
    assert signer.key.public_key() != signer.root.public_key()


def test_keys_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    signer = ca.authority(tmp_path / "ca")
    separate, combined = tmp_path / "nginx/tls/app.lab.test.pem", tmp_path / "haproxy/tls/app.lab.test.pem"
    place_certificate(separate, ca.issue(signer, NAME))
    place_certificate(combined, ca.issue(signer, NAME), combined=True)
    secret = [tmp_path / "ca/intermediate.key", tmp_path / "nginx/tls/app.lab.test.key", combined]
    assert [path.stat().st_mode & 0o777 for path in secret] == [0o600] * 3
    assert separate.read_bytes().count(b"BEGIN CERTIFICATE") == 2
    assert b"PRIVATE KEY" not in separate.read_bytes()
    assert b"PRIVATE KEY" in combined.read_bytes()


def test_a_secret_replaces_an_older_one_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")
    path.chmod(0o644)
    ca.write_secret(path, b"new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
