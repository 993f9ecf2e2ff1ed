"""Ways of breaking any server that speaks HTTP and TLS to users."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from scaling_guide.lab import ca, files
from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.forms import behind_its_back, documented, first_file
from scaling_guide.lab.proof.mutations import Applied
from scaling_guide.model.target import LoadBalancer

_USUAL_CURVE = ec.SECP256R1()
WEAK_CIPHER = "ECDHE-ECDSA-AES128-SHA"


@asynccontextmanager
async def config_invalid(bench: Bench) -> AsyncIterator[str]:
    """The file on disk would not start, and nobody has tried."""
    await bench.restore()
    name, text = first_file(bench)
    async with behind_its_back(bench, {name: text + "no_such_directive on;\n"}):
        yield "no_such_directive on;"


def too_few_days(bench: Bench) -> int:
    """A lifetime that ends a day before the documented one would do."""
    return int(documented(bench, "certificate-days-left")) - 1


def too_many_days(bench: Bench) -> int:
    """A lifetime of a day more than documented."""
    return int(documented(bench, "certificate-lifetime")) + 1


def certificate(
    days: int | Callable[[Bench], int] = 90,
    covers: str | None = None,
    intermediate: bool = True,
    reload: bool = True,
    curve: ec.EllipticCurve = _USUAL_CURVE,
) -> Applied:
    """Another certificate in place of the target's, and the old one back again."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        target = bench.target
        assert isinstance(target, LoadBalancer)
        paths = [Path(path) for path in dict.fromkeys((target.certificate, target.key_file))]
        kept = {path: path.read_bytes() for path in paths}
        signer = ca.authority(bench.lab.directory("ca"))
        try:
            site = bench.environment.site
            names = [covers or site]
            key = ec.generate_private_key(curve)
            lifetime = days if isinstance(days, int) else days(bench)
            issued = ca.issue(signer, site, lifetime, names, intermediate=intermediate, key=key)
            is_combined = target.key_file == target.certificate
            files.place_certificate(Path(target.certificate), issued, is_combined)
            if reload:
                await bench.take_effect()
            yield f"a certificate for {names[0]}, {lifetime} days, {curve.name}"
        finally:
            for path, content in kept.items():
                ca.write_secret(path, content)
            await bench.take_effect()

    return applied


@asynccontextmanager
async def private_key_readable(bench: Bench) -> AsyncIterator[str]:
    """The private key can be read by the group."""
    await bench.restore()
    target = bench.target
    assert isinstance(target, LoadBalancer)
    path = Path(target.key_file)
    mode = path.stat().st_mode & 0o777
    path.chmod(0o640)
    try:
        yield f"{path.name} has mode 640"
    finally:
        path.chmod(mode)


def before(line: str, added: str) -> tuple[str, str]:
    """An edit that puts a line before the one that begins with `line`, as far to the right."""
    return rf"^( *)({re.escape(line)})", rf"\1{added}\n\1\2"


PAGE_REGRESSIONS = {
    "page-heavy": "heavy",
    "scripts-heavy": "heavy-script",
    "styles-heavy": "heavy-style",
    "page-of-many-files": "many-files",
    "page-of-many-hosts": "other-hosts",
    "page-blocking": "blocking",
    "page-unsized": "unsized",
    "page-unhurried": "unhurried",
    "page-kept-too-long": "kept",
    "files-not-kept": "unkept",
}
LIST_REGRESSIONS = {
    "api-whole-list": "whole-list",
    "api-unbounded": "unbounded",
    "api-endless": "endless",
    "api-one-by-one": "one-by-one",
}
