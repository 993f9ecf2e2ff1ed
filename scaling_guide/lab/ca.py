"""A private certificate authority: a root, an intermediate, and certificates good or faulty on purpose.

The key of the root signs the intermediate and is then forgotten, as an offline root would be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

AUTHORITY_DAYS = 3650
# as public authorities issue them
CERTIFICATE_DAYS = 90
LIFETIME = timedelta(days=CERTIFICATE_DAYS)
SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class Authority:
    """What is needed to sign: the root for clients to trust, the intermediate and its key."""

    root: x509.Certificate
    intermediate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Issued:
    """A certificate chain, leaf first and without the root, and the key of the leaf, as PEM."""

    chain: bytes
    key: bytes


def authority(directory: Path) -> Authority:
    """The authority kept in this directory, made there first where there is none.

    `ca.pem` is the root certificate, `intermediate.pem` and `intermediate.key` are what signs.
    """
    key_file = directory / "intermediate.key"
    if not key_file.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = _new_authority()
        (directory / "ca.pem").write_bytes(_pem(made.root))
        (directory / "intermediate.pem").write_bytes(_pem(made.intermediate))
        write_secret(key_file, _key_pem(made.key))
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    root, intermediate = (
        x509.load_pem_x509_certificate((directory / name).read_bytes())
        for name in ("ca.pem", "intermediate.pem")
    )
    return Authority(root, intermediate, key)


def issue(
    signer: Authority,
    name: str,
    days: int = CERTIFICATE_DAYS,
    names: Sequence[str] = (),
    intermediate: bool = True,
    key: PrivateKey | None = None,
) -> Issued:
    """A server certificate for `name`, good for `names` (host names or addresses), or for `name` alone.

    It is valid for `days` more days; a negative number makes one that expired that many days ago. One with
    less than LIFETIME to go is dated back, like one that was not renewed. Without `intermediate` the chain
    is the leaf alone, as a server sends it that was given the wrong file. A `key` is made unless given.
    """
    now = datetime.now(UTC)
    end = now + timedelta(days=days)
    begin = min(now, end - LIFETIME) - SKEW
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject_names = dict.fromkeys(names or (name,))
    leaf = (
        _builder(name, signer.intermediate.subject, key.public_key(), begin, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in subject_names]), False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issued_by(signer.key), critical=False)
        .sign(signer.key, hashes.SHA256())
    )
    chain = _pem(leaf) + (_pem(signer.intermediate) if intermediate else b"")
    return Issued(chain, _key_pem(key))


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on, in place of any older one."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


def _new_authority() -> Authority:
    begin = datetime.now(UTC) - SKEW
    end = begin + timedelta(days=AUTHORITY_DAYS)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = _name("Lab Root CA")

    def sign(name: str, path_length: int, public_key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        return (
            _builder(name, root_name, public_key, begin, end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(_issued_by(root_key), critical=False)
            .sign(root_key, hashes.SHA256())
        )

    root = sign("Lab Root CA", 1, root_key.public_key())
    return Authority(root, sign("Lab Intermediate CA", 0, key.public_key()), key)


def _builder(
    name: str,
    issuer: x509.Name,
    key: PublicKey,
    begin: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _issued_by(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(
    digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
