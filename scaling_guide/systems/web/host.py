"""The files of a load balancer on its host: who may read them, and whether the certificate there is served.

One round trip over the target's transport and one TLS handshake. The private key stays where it is, also
where it shares a file with the certificate.
"""

import shlex
import time

from cryptography import x509

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes import transport
from scaling_guide.probes.observation import Found, Malformed, Unsupported
from scaling_guide.systems.web import tls

REQUESTS = 0

# the first certificate of the file, and nothing of a key even where the end of the certificate is missing
_FIRST_CERTIFICATE = "/BEGIN CERTIFICATE/,/END CERTIFICATE/{/PRIVATE KEY/q;p;/END CERTIFICATE/q;}"


def probe(environment: Environment, target: LoadBalancer, deadline: float) -> Found:
    """Modes and owners of the private key and of the configuration, and whether disk and handshake agree.

    No file tells the product's version, so it is empty. Raises what `transport.ask` and `tls.leaf` raise, and
    Unsupported where a file is missing or may not be read.
    """
    ends = time.monotonic() + deadline
    files = {"private key": _key_file(target), "config": target.config}
    listing = f"stat -L -c '%a %U:%G' -- {' '.join(map(shlex.quote, files.values()))}"
    questions = {"listing": listing, "certificate": _reading(target)}
    answers = transport.ask(target.host, questions, deadline)
    lines = _text(target, answers["listing"]).splitlines()
    if len(lines) != len(files) or any(len(line.split(" ")) != 2 for line in lines):
        raise Malformed(f"{target.id}: stat answered something else than a mode and an owner for each file")
    modes = dict(zip(files, (line.split(" ") for line in lines), strict=True))
    on_disk = _parsed(target, answers["certificate"])
    served = tls.leaf(environment, target, max(0.0, ends - time.monotonic()))
    return "", {
        **{f"{name} > mode": mode for name, (mode, _) in modes.items()},
        **{f"{name} > owner": owner for name, (_, owner) in modes.items()},
        "certificate > served is disk": "yes" if served == on_disk else "no",
        "certificate > serial on disk": f"{on_disk.serial_number:x}",
    }


def certificate(target: LoadBalancer, deadline: float) -> x509.Certificate:
    """The certificate in the file that `target` is configured with. Raises as `probe` does."""
    return _parsed(target, transport.run(target.host, _reading(target), deadline))


def _key_file(target: LoadBalancer) -> str:
    """HAProxy keeps certificate and key in one file."""
    return target.key_file


def _reading(target: LoadBalancer) -> str:
    return f"sed -n {shlex.quote(_FIRST_CERTIFICATE)} {shlex.quote(target.certificate)}"


def _parsed(target: LoadBalancer, answer: transport.Output) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_text(target, answer).encode())
    except ValueError:
        # without the reason, which may quote the file
        raise Malformed(f"{target.id}: {target.certificate} holds no certificate that can be read") from None


def _text(target: LoadBalancer, answer: transport.Output) -> str:
    if answer.exit_code:
        said = answer.stderr.strip().splitlines()
        raise Unsupported(f"{target.id}: {said[-1] if said else f'exit code {answer.exit_code}'}")
    return answer.stdout
