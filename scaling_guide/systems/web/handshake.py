"""One TLS handshake, record by record.

Records pass through our hands, so that a refusal is the server's own alert and never a client library that
would not ask.
"""

import asyncio
import os
import ssl
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from ssl import TLSVersion

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes.observation import Malformed, Unreachable, Unsupported

EVERY_SUITE = "ALL:COMPLEMENTOFALL:!PSK:!SRP"
"""What the local OpenSSL can speak, save for suites that need a secret which no visitor has."""

_ALERT, _HANDSHAKE = 21, 22
_RECORD_TYPES = range(20, 24)
_PLAIN_ALERT_BYTES = 7
_FATAL = 2
_LONGEST_RECORD = 2**14 + 2048
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # of OpenSSL; `ssl` passes it on but has no name for it

# filters of warnings belong to the whole process, and probes run in threads
_filtering = threading.Lock()


@dataclass(frozen=True)
class Door:
    """Where a handshake goes, and the name it asks for."""

    address: str
    port: int
    name: str

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Agreed:
    """A completed handshake. `leaf` is the server's certificate as DER, empty in an anonymous suite."""

    suite: str
    alpn: str | None
    leaf: bytes
    session: ssl.SSLSession | None
    resumed: bool


@dataclass(frozen=True)
class Refused:
    """The server's alert, in the words of RFC 8446."""

    alert: str


HUNG_UP = Refused("closed without an alert")
Answer = Agreed | Refused


def door(environment: Environment, target: LoadBalancer) -> Door:
    """The HTTPS port of `target`, asked for the site."""
    return Door(target.address, target.https, environment.site)


def accepting(*versions: TLSVersion, suites: str = EVERY_SUITE, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """A context that offers these versions and suites and accepts any certificate, to look at it.

    Raises Unsupported where the local library does not know a version.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # the distribution's floor would refuse old versions here, before the server is asked
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    if versions:
        _limit(context, versions[0], versions[-1])
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _limit(context: ssl.SSLContext, lowest: TLSVersion, highest: TLSVersion) -> None:
    with _filtering, warnings.catch_warnings():
        # the warning is about old versions, which are what is asked for
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            context.minimum_version, context.maximum_version = lowest, highest
        except ValueError as error:
            raise Unsupported(f"the local {ssl.OPENSSL_VERSION} cannot ask: {error}") from error


def verifying(trust: str | None) -> ssl.SSLContext:
    """A context that trusts this file of certificates, or the system's store where there is none.

    Raises Unreachable where the file cannot be read: nobody can then be recognized.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if trust:
            context.load_verify_locations(trust)
        else:
            context.load_default_certs()
    except OSError as error:
        why = error.reason if isinstance(error, ssl.SSLError) else reason(error)
        raise Unreachable(f"the trust store {trust} cannot be used: {why}") from error
    return context


def dateless(trust: str | None) -> ssl.SSLContext:
    """A context that verifies the chain alone: neither the name, nor dates, nor the size of keys."""
    return _lenient(verifying(trust))


def pinned(certificate: x509.Certificate) -> ssl.SSLContext:
    """A context that trusts this very certificate, whatever is wrong with it, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate.public_bytes(Encoding.DER))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return _lenient(context)


def _lenient(context: ssl.SSLContext) -> ssl.SSLContext:
    context.check_hostname = False
    context.set_ciphers(f"{EVERY_SUITE}:@SECLEVEL=0")
    context.verify_flags |= _NO_CHECK_TIME
    return context


async def offer(door: Door, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> Answer:
    """What the server answers to one handshake, the connection closed again in good order.

    Raises Unreachable; Malformed for what is not TLS or breaks off; Unsupported where the local library does
    not ask; ssl.SSLCertVerificationError where `context` verifies and does not trust.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=door.name, session=session)
    hello = _client_hello(client, outgoing)
    try:
        reader, writer = await asyncio.open_connection(door.address, door.port)
    except TimeoutError:
        raise
    except OSError as error:
        raise Unreachable(f"{door}: {reason(error)}") from error
    answered = False
    try:
        writer.write(hello)
        while (record := await _record(door, reader)) is not None:
            answered = True
            if record[0] == _ALERT and len(record) == _PLAIN_ALERT_BYTES and record[5] == _FATAL:
                return Refused(_words(record[6]))
            incoming.write(record)
            if _done(door, client):
                return _agreed(client)
            writer.write(outgoing.read())
        if answered:
            raise Malformed(f"{door} broke off in the middle of a TLS handshake")
        return HUNG_UP
    finally:
        with suppress(ssl.SSLError):
            client.unwrap()  # says goodbye, where the handshake came to its end
        writer.write(outgoing.read())
        writer.close()


def reason(error: OSError) -> str:
    """Why a connection failed: `Connection refused`. asyncio has words of its own, without the reason."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def served(door: Door, answer: Answer) -> Agreed:
    """The handshake that any visitor makes: where it fails there is nothing to look at.

    Raises Unreachable where the server refuses the name, Malformed where it just hangs up.
    """
    if answer is HUNG_UP:
        raise Malformed(f"{door} hangs up on TLS handshakes for {door.name}")
    if isinstance(answer, Refused):
        raise Unreachable(f"{door} refuses TLS handshakes for {door.name}: {answer.alert}")
    return answer


def _client_hello(client: ssl.SSLObject, outgoing: ssl.MemoryBIO) -> bytes:
    """The first record. Raises Unsupported where the local library makes none: nobody would be asked."""
    why = "no ClientHello"
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    except ssl.SSLError as error:
        why = error.reason
    hello = outgoing.read()
    if hello[:1] != bytes([_HANDSHAKE]):
        raise Unsupported(f"the local {ssl.OPENSSL_VERSION} cannot ask: {why}")
    return hello


async def _record(door: Door, reader: asyncio.StreamReader) -> bytes | None:
    """The next TLS record, or None where the server ended the connection."""
    try:
        header = await reader.readexactly(5)
        length = int.from_bytes(header[3:])
        if header[0] not in _RECORD_TYPES or header[1] != 3 or length > _LONGEST_RECORD:
            raise Malformed(f"{door} does not speak TLS: it answered {header!r}")
        return header + await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Malformed(f"{door} broke off in the middle of a TLS record") from error
        return None
    except ConnectionError:
        return None


def _done(door: Door, client: ssl.SSLObject) -> bool:
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        raise Malformed(f"{door}: the TLS handshake makes no sense: {error.reason}") from error
    return True


def _agreed(client: ssl.SSLObject) -> Agreed:
    suite = client.cipher()
    return Agreed(
        suite=suite[0] if suite else "",
        alpn=client.selected_alpn_protocol(),
        leaf=client.getpeercert(binary_form=True) or b"",
        session=client.session,
        resumed=bool(client.session_reused),
    )


def _words(alert: int) -> str:
    """`protocol version` for 70."""
    try:
        name = ssl.AlertDescription(alert).name
    except ValueError:
        return f"alert {alert}"
    return name.removeprefix("ALERT_DESCRIPTION_").replace("_", " ").lower()
