"""The checked guide, kept on disk for as long as nothing changes that it was made of.

Reading and checking `data/` takes several times as long as all else that a runbook needs. What is kept is
found by a digest of the contents of every file that is read, of the code that reads and checks it, of the
variables and of the day; anything else is as if nothing were kept.
"""

import gc
import hashlib
import os
import pickle
import re
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from pydantic import VERSION

from scaling_guide.model.guide import Guide
from scaling_guide.model.systems import packages, systems
from scaling_guide.model.today import today as current_day

_FORMAT = b"guide 1\n"
_DIGEST_BYTES = 32
_KEPT_AT_MOST = 16
_VARIABLE = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_LIBRARIES = ("jinja2", "markupsafe", "pydantic", "pydantic_core", "simpleeval", "yaml")


def load(
    directory: Path, variables: Mapping[str, str] = MappingProxyType({}), today: date | None = None
) -> Guide:
    """As `scaling_guide.model.load.load`, from what an earlier call kept if that comes to the same."""
    directory, day = directory.absolute(), today or current_day()
    digest = _digest(directory, variables, day)
    path = _place(directory, variables)
    guide = _read(path, digest) if path and digest else None
    if guide is None:
        # what reads and checks the files takes as long to import as all else here
        from scaling_guide.model import load as reading

        guide = reading.load(directory, variables, day)
        # not where something was written meanwhile
        if path and digest and digest == _digest(directory, variables, day):
            with suppress(OSError):
                _write(path, digest, guide)
    return guide


# ------------------------------------------------------------------------------------- what it is made of


class _CannotTell(Exception):
    """What the guide is made of has no digest that may be kept."""


def _digest(directory: Path, variables: Mapping[str, str], day: date) -> bytes | None:
    """A digest of all that decides what `load` returns, or None if it cannot be told or must not be kept."""
    found = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def add(*parts: object) -> None:
        found.update(repr(parts).encode())

    add(sys.version, VERSION, str(directory), day.isoformat(), sorted(variables.items()))
    try:
        for each in _code():
            add(*each)
        for path, content in _documents(directory):
            add(path, len(content))
            found.update(content)
            if Path(path).parent == directory / "environments":
                _refuse_secrets(content, variables)
    except (OSError, _CannotTell):
        return None
    return found.digest()


def _code() -> Iterator[tuple[object, ...]]:
    """What tells one version of the reading and checking code from another."""
    for name in _LIBRARIES:
        spec = find_spec(name)
        if spec is not None and spec.origin:
            yield name, *_state(os.stat(spec.origin))
    yield from packages().items()
    systems()  # imports the packages
    model = Path(__file__).parent
    folders = [model, model.parent / "systems"]
    folders += [Path(folder) for package in packages().values() for folder in sys.modules[package].__path__]
    for folder in dict.fromkeys(folders):
        for path in _files(folder, ".py"):
            yield path, *_state(os.stat(path))


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _documents(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below `data/`, and the pages that rules look into, with its content."""
    for path in (*_files(directory, ""), *_files(directory.parent / "docs", ".md")):
        with open(path, "rb") as file:
            yield path, file.read()


def _files(folder: Path, suffix: str) -> Iterator[str]:
    """The files below a folder, in order. Raises _CannotTell where a folder is linked in."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        if any(os.path.islink(os.path.join(parent, name)) for name in folders):
            raise _CannotTell
        for name in sorted(names):
            if name.endswith(suffix):
                yield os.path.join(parent, name)


def _refuse_secrets(environment: bytes, variables: Mapping[str, str]) -> None:
    """Raises _CannotTell where a value comes from the process environment: it may be a secret."""
    for name in _VARIABLE.findall(environment):
        if name.decode() not in variables and name.decode() in os.environ:
            raise _CannotTell


# -------------------------------------------------------------------------------------- where it is kept


def _place(directory: Path, variables: Mapping[str, str]) -> Path | None:
    """The file for the guide below `directory` with these variables; None for a user without a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(base):
        return None
    name = repr((str(directory), sorted(variables.items())))
    return Path(base) / "scaling-guide" / hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def _read(path: Path, digest: bytes) -> Guide | None:
    """The guide that was kept under this digest; None if it was not, or is damaged or another user's."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
                return None
            written = file.read()
    except OSError:
        return None
    head = _FORMAT + digest
    whole, kept = written[len(head) :][:_DIGEST_BYTES], written[len(head) + _DIGEST_BYTES :]
    if not written.startswith(head) or hashlib.blake2b(kept, digest_size=_DIGEST_BYTES).digest() != whole:
        return None
    try:
        with _without_collecting():
            guide = pickle.loads(kept)
    except Exception:  # whatever it is, the files themselves are there to be read
        return None
    return guide if isinstance(guide, Guide) else None


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Without the garbage collector, which looks three times through all that is being made."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _write(path: Path, digest: bytes, guide: Guide) -> None:
    """Keep the guide in a file that is written whole or not at all. Raises OSError."""
    kept = pickle.dumps(guide.model_copy(), protocol=pickle.HIGHEST_PROTOCOL)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_FORMAT + digest + hashlib.blake2b(kept, digest_size=_DIGEST_BYTES).digest() + kept)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _drop_oldest(path.parent)


def _drop_oldest(folder: Path) -> None:
    written = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in written[_KEPT_AT_MOST:]:
        path.unlink(missing_ok=True)
