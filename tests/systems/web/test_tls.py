"""What the tls probe sees of real servers, each broken in one way, and of servers that lie."""

import gc
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from scaling_guide.lab import ca, files
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.systems.web import handshake, tls
from tests.systems import servers
from tests.systems.servers import HOST, SITE, differences

DEADLINE = 5.0
AES, CHACHA = "AES128-GCM-SHA256", "CHACHA20-POLY1305"
MODERN = f"ECDHE-ECDSA-{AES}:ECDHE-RSA-{AES}:ECDHE-ECDSA-{CHACHA}:ECDHE-RSA-{CHACHA}"
GOOD = {"protocols": "TLSv1.2 TLSv1.3", "ciphers": MODERN, "listen": "ssl http2", "certificate": "good"}
BROKEN = {
    "good": {},
    "old version": {"protocols": "TLSv1.1 TLSv1.2 TLSv1.3", "ciphers": f"{MODERN}:ALL:@SECLEVEL=0"},
    "weak cipher": {"ciphers": f"{MODERN}:ECDHE-ECDSA-AES256-SHA384"},
    "cipher missing": {"ciphers": f"ECDHE-ECDSA-{AES}:ECDHE-RSA-{AES}"},
    "only 1.3": {"protocols": "TLSv1.3"},
    "no http2": {"listen": "ssl"},
    "no cache": {"cache": "off"},
    "expired": {"certificate": "expired"},
    "long": {"certificate": "long"},
    "wrong name": {"certificate": "wrong-name"},
    "only in the common name": {"certificate": "common-name"},
    "wildcard": {"certificate": "wildcard"},
    "no intermediate": {"certificate": "no-intermediate"},
    "strange authority": {"certificate": "strange"},
    "expired and no intermediate": {"certificate": "expired-bare"},
    "rsa": {"certificate": "rsa"},
    "p521": {"certificate": "p521"},
    "expired intermediate": {"certificate": "expired-intermediate"},
}
DEFAULT_CERTIFICATE = "default certificate"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def certificates(directory: Path) -> Path:
    """One chain and key for each fault, and `ca.pem` to trust."""
    good, old = ca.authority(directory), authority_with_expired_intermediate()
    (directory / "old.pem").write_bytes(old.root.public_bytes(serialization.Encoding.PEM))
    chains = {
        "good": ca.issue(good, SITE, 90),
        "expired": ca.issue(good, SITE, -3),
        "long": ca.issue(good, SITE, 398),
        "wrong-name": ca.issue(good, "other.lab.test", 90),
        "common-name": self_made(good, name="other.lab.test"),
        "wildcard": ca.issue(good, "*.lab.test", 90),
        "no-intermediate": ca.issue(good, SITE, 90, intermediate=False),
        "expired-bare": ca.issue(good, SITE, -3, intermediate=False),
        "strange": ca.issue(ca.authority(directory / "strange"), SITE, 90),
        "rsa": self_made(good, key=rsa.generate_private_key(65537, 2048)),
        "p521": self_made(good, key=ec.generate_private_key(ec.SECP521R1())),
        "expired-intermediate": self_made(old),
    }
    for name, issued in chains.items():
        files.place_certificate(directory / f"{name}.pem", issued)
    return directory


PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def self_made(
    signer: ca.Authority, common_name: str = SITE, name: str = SITE, key: PrivateKey | None = None
) -> ca.Issued:
    """A certificate of a kind that the lab's authority does not issue."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    leaf = certified(common_name, key, signer.intermediate.subject, signer.key, 90).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
    )
    return bundled(key, leaf.sign(signer.key, hashes.SHA256()), signer.intermediate)


def certified(
    name: str, key: PrivateKey, issuer: x509.Name, issuer_key: PrivateKey, days: int
) -> x509.CertificateBuilder:
    """A certificate to be signed: from an hour ago, or from 90 days before its end, for `days` more days."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now - timedelta(hours=1), now + timedelta(days=days - 90)))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
    )


def authority_with_expired_intermediate() -> ca.Authority:
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def signed(name: str, public: PrivateKey, days: int) -> x509.Certificate:
        return (
            certified(name, public, named("Old Root"), root_key, days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )

    return ca.Authority(signed("Old Root", root_key, 90), signed("Old Intermediate", key, -1), key)


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def bundled(key: PrivateKey, *chain: x509.Certificate) -> ca.Issued:
    encoding = serialization.Encoding.PEM
    return ca.Issued(
        b"".join(each.public_bytes(encoding) for each in chain),
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


@pytest.fixture(scope="module")
def nginx(directory: Path, certificates: Path) -> Iterator[Mapping[str, LoadBalancer]]:
    """An Nginx that serves each kind of server on a port of its own, as targets by kind."""
    ports = {kind: servers.free_port() for kind in [*BROKEN, DEFAULT_CERTIFICATE]}
    http = "".join(_server(ports[kind], {**GOOD, **fault}, certificates) for kind, fault in BROKEN.items())
    http += _server(ports[DEFAULT_CERTIFICATE], GOOD, certificates, default=False)
    with servers.nginx(directory, ports=[ports["good"]], http=http):
        yield {
            kind: servers.nginx_target(port, trust=certificates / "ca.pem") for kind, port in ports.items()
        }


def _server(port: int, how: Mapping[str, str], certificates: Path, default: bool = True) -> str:
    tls_settings = (
        f"ssl_protocols {how['protocols']}; ssl_ciphers {how['ciphers']}; ssl_session_tickets off;"
        f" ssl_session_cache {how.get('cache', f'shared:c{port}:1m')};"
    )
    reject = (
        f"server {{ listen {HOST}:{port} ssl default_server; {tls_settings} ssl_reject_handshake on; }}\n"
    )
    return (reject if default else "") + (
        f"server {{ listen {HOST}:{port} {how['listen']}; server_name {SITE}; {tls_settings}"
        f" ssl_certificate {certificates}/{how['certificate']}.pem;"
        f" ssl_certificate_key {certificates}/{how['certificate']}.key; }}\n"
    )


@pytest.fixture(scope="module")
def healthy(nginx: Mapping[str, LoadBalancer]) -> Mapping[str, Any]:
    return look(nginx["good"])


def look(target: LoadBalancer, deadline: float = DEADLINE) -> Mapping[str, Any]:
    return tls.probe(servers.environment(lb=target), target, deadline)[1]


def test_a_healthy_server_shows_everything_that_is_documented(healthy: Mapping[str, Any]) -> None:
    expected = {
        "versions": ["TLSv1.2", "TLSv1.3"],
        "TLSv1 > refusal": "protocol version",
        "TLSv1.1 > refusal": "protocol version",
        "alpn": "h2",
        "unknown name > refusal": "unrecognized name",
        "resumption": "yes",
        "certificate > chain": "trusted",
        "certificate > covers the site": "yes",
        "certificate > days left": 89,
        "certificate > lifetime days": 91,
        "certificate > key": "ECDSA P-256",
        "certificate > issuer": "Lab Intermediate CA",
    }
    assert {name: healthy[name] for name in expected} == expected
    assert set(healthy["ciphers"]) == {f"ECDHE-ECDSA-{AES}", f"ECDHE-ECDSA-{CHACHA}"}


def test_the_suites_are_those_for_the_key_that_the_server_has(nginx: Mapping[str, LoadBalancer]) -> None:
    assert set(look(nginx["rsa"])["ciphers"]) == {f"ECDHE-RSA-{AES}", f"ECDHE-RSA-{CHACHA}"}


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("weak cipher", {"ciphers": {"ECDHE-ECDSA-AES256-SHA384"}}),
        ("only 1.3", {"versions": ["TLSv1.3"], "ciphers": []}),
        ("no http2", {"alpn": "http/1.1"}),
        ("no cache", {"resumption": "no"}),
        ("expired", {"certificate > days left": -4}),
        ("long", {"certificate > lifetime days": 399}),
        ("wrong name", {"certificate > covers the site": "no"}),
        ("only in the common name", {"certificate > covers the site": "no"}),
        ("no intermediate", {"certificate > chain": "unable to get local issuer certificate"}),
        ("strange authority", {"certificate > chain": "unable to get local issuer certificate"}),
        ("p521", {"certificate > key": "ECDSA P-521"}),
        ("rsa", {"certificate > key": "RSA 2048"}),
        ("default certificate", {"unknown name > refusal": "accepted"}),
    ],
)
def test_each_fault_is_seen(nginx: Mapping[str, LoadBalancer], kind: str, seen: Mapping[str, Any]) -> None:
    values = look(nginx[kind])
    for name, expected in seen.items():
        if isinstance(expected, set):
            assert expected <= set(values[name])
        else:
            assert values[name] == expected


@pytest.mark.parametrize(
    ("kind", "affected"),
    [
        ("expired", {"certificate > days left"}),
        ("wrong name", {"certificate > covers the site"}),
        ("only in the common name", {"certificate > covers the site"}),
        ("no intermediate", {"certificate > chain"}),
        ("long", {"certificate > days left", "certificate > lifetime days"}),
        ("no http2", {"alpn"}),
        ("no cache", {"resumption"}),
        ("weak cipher", {"ciphers"}),
        ("cipher missing", {"ciphers"}),
        ("default certificate", {"unknown name > refusal"}),
        ("wildcard", set()),
    ],
)
def test_a_fault_changes_nothing_but_what_it_is_about(
    nginx: Mapping[str, LoadBalancer], healthy: Mapping[str, Any], kind: str, affected: set[str]
) -> None:
    assert differences(healthy, look(nginx[kind])) - {"certificate > serial"} == affected


def test_an_expired_certificate_does_not_hide_a_missing_intermediate(
    nginx: Mapping[str, LoadBalancer],
) -> None:
    values = look(nginx["expired and no intermediate"])
    assert values["certificate > chain"] == "unable to get local issuer certificate"
    assert values["certificate > days left"] == -4


def test_an_expired_intermediate_breaks_the_chain(
    nginx: Mapping[str, LoadBalancer], certificates: Path
) -> None:
    target = nginx["expired intermediate"].model_copy(update={"trust": str(certificates / "old.pem")})
    values = look(target)
    assert values["certificate > chain"] == "certificate has expired"
    assert values["certificate > days left"] == 89


def test_a_key_that_is_too_short_is_a_fault_of_the_key_and_not_of_the_chain(certificates: Path) -> None:
    short = self_made(ca.authority(certificates), key=rsa.generate_private_key(65537, 1024))
    files.place_certificate(certificates / "short.pem", short)
    with servers.tls_server(certificates / "short.pem") as port:
        values = look(servers.nginx_target(port, trust=certificates / "ca.pem"))
    assert values["certificate > key"] == "RSA 1024"
    assert values["certificate > chain"] == "trusted"


def test_a_server_that_still_speaks_tls_1_1_is_caught_by_asking_it(nginx: Mapping[str, LoadBalancer]) -> None:
    values = look(nginx["old version"])
    assert values["versions"] == ["TLSv1.1", "TLSv1.2", "TLSv1.3"]
    assert values["TLSv1.1 > refusal"] == "accepted"
    assert "ECDHE-ECDSA-AES256-SHA384" in values["ciphers"]


def test_haproxy_is_read_the_same_way(
    directory: Path, certificates: Path, healthy: Mapping[str, Any]
) -> None:
    port = servers.free_port()
    combined = directory / "combined.pem"
    combined.write_bytes((certificates / "good.pem").read_bytes() + (certificates / "good.key").read_bytes())
    text = f"""
global
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-ciphers {MODERN}
defaults
    mode http
    timeout client 5s
frontend web
    bind {HOST}:{port} ssl crt {combined} alpn h2,http/1.1 strict-sni
"""
    with servers.haproxy(directory, ports=[port], text=text):
        values = look(servers.haproxy_target(port, trust=certificates / "ca.pem"))
    assert differences(healthy, values) <= {"ciphers"}
    assert set(values["ciphers"]) == set(healthy["ciphers"])


def test_the_certificate_alone_costs_one_handshake(
    nginx: Mapping[str, LoadBalancer], healthy: Mapping[str, Any]
) -> None:
    target = nginx["good"]
    served = tls.leaf(servers.environment(lb=target), target, DEADLINE)
    assert f"{served.serial_number:x}" == healthy["certificate > serial"]


# --------------------------------------------------------------------------------- servers that do not answer


def failure(target: LoadBalancer, deadline: float = DEADLINE) -> CannotObserve:
    with pytest.raises(CannotObserve) as caught:
        look(target, deadline)
    return caught.value


def test_a_closed_port_is_unreachable() -> None:
    found = failure(servers.nginx_target(servers.free_port()))
    assert isinstance(found, Unreachable)
    assert HOST in str(found)


def test_a_site_that_the_server_refuses_is_unreachable(nginx: Mapping[str, LoadBalancer]) -> None:
    target = nginx["good"]
    elsewhere = servers.environment(lb=target).model_copy(update={"site": "elsewhere.test"})
    with pytest.raises(Unreachable, match=r"for elsewhere\.test: unrecognized name"):
        tls.probe(elsewhere, target, DEADLINE)


def test_a_trust_store_that_is_not_there_trusts_nobody(
    nginx: Mapping[str, LoadBalancer], caplog: pytest.LogCaptureFixture
) -> None:
    found = failure(nginx["good"].model_copy(update={"trust": "/nowhere/ca.pem"}))
    assert isinstance(found, Unreachable)
    assert "/nowhere/ca.pem" in str(found)
    # a handshake that was begun and then dropped would complain when it is collected
    gc.collect()
    assert caplog.messages == []


@pytest.mark.quiet
def test_a_server_that_never_answers_ends_at_the_deadline() -> None:
    begun = time.monotonic()
    with servers.liar(servers.silent) as port:
        assert isinstance(failure(servers.nginx_target(port), 0.2), Timeout)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        (servers.resetting, "hangs up"),
        (servers.saying(b""), "hangs up"),
        (servers.saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak TLS"),
        (servers.saying(b"\x16\x03\x03\x00\x40\x02\x00"), "broke off"),
        (servers.saying(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"), "TLS handshake"),
        (servers.saying(b"\x17\x03\x03\x00\x01\x00"), "makes no sense"),
        (servers.saying(b"\x15\x03\x03\x00\x02\x01\x70"), "broke off"),
    ],
    ids=[
        "reset",
        "closed",
        "plain HTTP",
        "half a record",
        "half a handshake",
        "data first",
        "a warning only",
    ],
)
def test_what_is_no_handshake_is_an_error_and_not_a_verdict(talk: servers.Talk, said: str) -> None:
    with servers.liar(talk) as port:
        found = failure(servers.nginx_target(port))
    assert isinstance(found, Malformed)
    assert said in str(found)


def test_a_server_that_refuses_whatever_is_offered_gives_no_verdict() -> None:
    with servers.liar(servers.saying(b"\x15\x03\x03\x00\x02\x02\x46")) as port:
        found = failure(servers.nginx_target(port))
    assert isinstance(found, Unreachable)
    assert "protocol version" in str(found)


def test_a_client_that_cannot_ask_says_so_instead_of_turning_the_check_green(
    nginx: Mapping[str, LoadBalancer], monkeypatch: pytest.MonkeyPatch
) -> None:
    accepting = handshake.accepting

    def with_the_floor_of_a_distribution(*versions: Any, **more: Any) -> Any:
        context = accepting(*versions, **more)
        context.set_ciphers("ECDHE+AESGCM:@SECLEVEL=2")
        return context

    monkeypatch.setattr(tls, "accepting", with_the_floor_of_a_distribution)
    with pytest.raises(Unsupported, match="cannot ask"):
        look(nginx["good"])
