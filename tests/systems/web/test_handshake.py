"""Whom a handshake trusts, and the words of a refusal."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from scaling_guide.lab import ca, files
from scaling_guide.probes.observation import Unreachable
from scaling_guide.systems.web.handshake import (
    Agreed,
    Door,
    Refused,
    accepting,
    dateless,
    offer,
    pinned,
    verifying,
)
from tests.systems import servers
from tests.systems.servers import HOST, SITE


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("handshake")


@pytest.fixture(scope="module")
def expired(directory: Path) -> Iterator[Door]:
    """A server whose certificate expired yesterday."""
    issued = ca.issue(ca.authority(directory), SITE, -1)
    files.place_certificate(directory / "expired.pem", issued)
    with servers.tls_server(directory / "expired.pem") as port:
        yield Door(HOST, port, SITE)


def shake(door: Door, context: ssl.SSLContext) -> Agreed | Refused:
    return asyncio.run(offer(door, context))


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_looking_accepts_any_certificate(expired: Door) -> None:
    assert isinstance(shake(expired, accepting()), Agreed)


def test_verifying_looks_at_dates_and_the_chain_alone_does_not(expired: Door, directory: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake(expired, verifying(str(directory / "ca.pem")))
    assert isinstance(shake(expired, dateless(str(directory / "ca.pem"))), Agreed)


def test_a_pinned_certificate_is_trusted_whatever_is_wrong_with_it(expired: Door, directory: Path) -> None:
    assert isinstance(shake(expired, pinned(certificate(directory / "expired.pem"))), Agreed)
    elsewhere = Door(expired.address, expired.port, "other.lab.test")
    assert isinstance(shake(elsewhere, pinned(certificate(directory / "expired.pem"))), Agreed)


def test_a_pinned_certificate_is_the_only_one_that_is_trusted(expired: Door, directory: Path) -> None:
    twin = directory / "twin.pem"
    files.place_certificate(twin, ca.issue(ca.authority(directory), SITE, 90))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(expired, pinned(certificate(twin)))


def test_the_systems_own_store_does_not_trust_the_labs_authority(expired: Door) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(expired, verifying(None))


def test_a_trust_store_that_holds_no_certificate_is_no_trust_store(directory: Path) -> None:
    (directory / "empty.pem").write_text("")
    with pytest.raises(Unreachable, match=r"empty\.pem"):
        verifying(str(directory / "empty.pem"))


@pytest.mark.parametrize(
    ("number", "words"),
    [(40, "handshake failure"), (70, "protocol version"), (112, "unrecognized name"), (9, "alert 9")],
)
def test_a_refusal_is_told_in_the_servers_words(number: int, words: str) -> None:
    with servers.liar(servers.saying(bytes([21, 3, 3, 0, 2, 2, number]))) as port:
        assert shake(Door(HOST, port, SITE), accepting()) == Refused(words)
