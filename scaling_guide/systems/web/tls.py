"""The TLS that a load balancer speaks, seen from outside: handshakes, with nothing sent inside them.

A dozen handshakes and one for each cipher suite that the server accepts, at the same time where one does not
need the other.
"""

import asyncio
import math
import ssl
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from ssl import TLSVersion
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes.observation import Found, Malformed, Timeout
from scaling_guide.systems.web.handshake import (
    HUNG_UP,
    Agreed,
    Answer,
    Door,
    Refused,
    accepting,
    dateless,
    door,
    offer,
    served,
    verifying,
)

T = TypeVar("T")

REQUESTS = 0

UNKNOWN_NAME = "no-such-site.invalid"
VERSIONS = {
    "TLSv1": TLSVersion.TLSv1,
    "TLSv1.1": TLSVersion.TLSv1_1,
    "TLSv1.2": TLSVersion.TLSv1_2,
    "TLSv1.3": TLSVersion.TLSv1_3,
}
OLD_VERSIONS = ("TLSv1", "TLSv1.1")

_NOT_YET_VALID, _EXPIRED, _LEAF_KEY_TOO_SMALL = 9, 10, 66


def probe(environment: Environment, target: LoadBalancer, deadline: float) -> Found:
    """What `target` accepts, refuses and presents in TLS handshakes, within `deadline` seconds.

    No handshake tells the product's version, so it is empty. Raises Unreachable, also where the site's own
    name is refused; Timeout; Malformed for what is not TLS or breaks off; Unsupported where the local
    OpenSSL cannot ask.
    """
    return "", asyncio.run(_bounded(_look(door(environment, target), target.trust), deadline))


def leaf(environment: Environment, target: LoadBalancer, deadline: float) -> x509.Certificate:
    """The certificate that `target` presents for the site. One handshake; raises as `probe` does."""
    place = door(environment, target)
    answer = asyncio.run(_bounded(offer(place, accepting()), deadline))
    return _certificate(served(place, answer).leaf)


async def _bounded(work: Coroutine[Any, Any, T], deadline: float) -> T:
    try:
        async with asyncio.timeout(deadline):
            return await work
    except TimeoutError:
        raise Timeout(f"no complete TLS handshake within {deadline:g} s") from None


async def _look(site: Door, trust: str | None) -> Mapping[str, Any]:
    unknown = Door(site.address, site.port, UNKNOWN_NAME)
    # made before any handshake is under way, since making them may raise
    trusting, bare = verifying(trust), dateless(trust)
    each_version = [accepting(version) for version in VERSIONS.values()]
    (ordinary, stranger), (fault, bare_fault), (suites, resumed), by_version = await asyncio.gather(
        asyncio.gather(offer(site, accepting(alpn=("h2", "http/1.1"))), offer(unknown, accepting())),
        asyncio.gather(_fault(site, trusting), _fault(site, bare)),
        asyncio.gather(_suites(site), _resumes(site)),
        asyncio.gather(*(offer(site, context) for context in each_version)),
    )
    agreed = served(site, ordinary)
    certificate = _certificate(agreed.leaf)
    answers = dict(zip(VERSIONS, by_version, strict=True))
    return {
        "versions": [name for name, answer in answers.items() if _accepted(site, name, answer)],
        **{f"{name} > refusal": _refusal(answers[name]) for name in OLD_VERSIONS},
        "ciphers": suites,
        "alpn": agreed.alpn or "none",
        "unknown name > refusal": _refusal(stranger),
        "resumption": "yes" if resumed else "no",
        "certificate > chain": _chain(fault, bare_fault, certificate),
        **_about(certificate, site.name),
    }


# ---------------------------------------------------------------------------------------- versions and suites


def _accepted(site: Door, version: str, answer: Answer) -> bool:
    """Whether this is a handshake. To hang up is a refusal only where an old version was offered."""
    if answer is HUNG_UP and version not in OLD_VERSIONS:
        raise Malformed(f"{site} hangs up on {version} handshakes")
    return isinstance(answer, Agreed)


def _refusal(answer: Answer) -> str:
    return answer.alert if isinstance(answer, Refused) else "accepted"


async def _suites(site: Door) -> list[str]:
    """The TLS 1.2 suites that the server accepts with its certificate, each taken off the next offer."""
    offered = [suite["name"] for suite in accepting(TLSVersion.TLSv1_2).get_ciphers()]
    accepted: list[str] = []
    while offered:
        answer = await offer(site, accepting(TLSVersion.TLSv1_2, suites=":".join(offered)))
        if not isinstance(answer, Agreed):
            _accepted(site, "TLSv1.2", answer)
            break
        offered.remove(answer.suite)
        accepted.append(answer.suite)
    return accepted


async def _resumes(site: Door) -> bool:
    """Whether a second TLS 1.2 handshake goes on with the session of the first."""
    context = accepting(TLSVersion.TLSv1_2)
    first = await offer(site, context)
    if not isinstance(first, Agreed):
        return False
    second = await offer(site, context, session=first.session)
    return isinstance(second, Agreed) and second.resumed


# ------------------------------------------------------------------------------------------------ certificate


async def _fault(site: Door, context: ssl.SSLContext) -> ssl.SSLCertVerificationError | None:
    """Why the chain as sent does not lead to the trust store, whatever names it bears; None where it does."""
    context.check_hostname = False
    try:
        served(site, await offer(site, context))
    except ssl.SSLCertVerificationError as fault:
        return fault
    return None


def _chain(
    fault: ssl.SSLCertVerificationError | None,
    bare_fault: ssl.SSLCertVerificationError | None,
    certificate: x509.Certificate,
) -> str:
    """`trusted`, or OpenSSL's reason.

    The dates and the key of the leaf are settings of their own: where verification stopped at one of those,
    the chain is what it is without dates and sizes.
    """
    now = datetime.now(UTC)
    in_time = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    of_the_leaf = {_LEAF_KEY_TOO_SMALL} if in_time else {_LEAF_KEY_TOO_SMALL, _EXPIRED, _NOT_YET_VALID}
    if fault and fault.verify_code in of_the_leaf:
        fault = bare_fault
    return fault.verify_message if fault else "trusted"


def _certificate(encoded: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(encoded)
    except ValueError as error:
        raise Malformed(f"the certificate presented cannot be read: {error}") from error


def _about(certificate: x509.Certificate, site: str) -> Mapping[str, Any]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    day = timedelta(days=1)
    return {
        "certificate > covers the site": "yes" if _covers(certificate, site) else "no",
        "certificate > days left": (end - datetime.now(UTC)) // day,
        # both ends count, and part of a day is a day: Baseline Requirements 6.3.2
        "certificate > lifetime days": math.ceil((end - begin + timedelta(seconds=1)) / day),
        "certificate > key": _key(certificate),
        "certificate > serial": f"{certificate.serial_number:x}",
        "certificate > issuer": _issuer(certificate),
    }


def _covers(certificate: x509.Certificate, site: str) -> bool:
    """Whether a subject alternative name is the site's, or a wildcard for its leftmost label."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return False
    names = {name.lower() for name in extension.value.get_values_for_type(x509.DNSName)}
    return site.lower() in names or f"*.{site.lower().partition('.')[2]}" in names


_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def _key(certificate: x509.Certificate) -> str:
    """`ECDSA P-256`, `RSA 2048`, and the library's name for other kinds."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey")


def _issuer(certificate: x509.Certificate) -> str:
    """The issuer's common name, or its whole name where it has none."""
    common = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else certificate.issuer.rfc4514_string()
