"""The files of a server that somebody wrote, and not the server itself."""

from collections.abc import Iterable
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

from scaling_guide.lab.state.marks import Marks
from scaling_guide.model.target import Target

# where commands of a runbook note what was there before, for themselves
_NOTES = ("*workers.before", "*worker.before", "*loaded.before", "*state", "*.pid")
# shown as it is, where somebody can read it at a glance
_SHORT = 40


def written(target: Target, marks: Marks, directory: Path) -> dict[str, str]:
    """What each file holds: itself if it is short, else a digest; one that `marks` splits, by directive."""
    found: dict[str, str] = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if not path.is_file() or not _counts(marks.own_files, name):
            continue
        directives = marks.split(target, path)
        if directives is None:
            found[name] = _shown(path.read_bytes())
        else:
            found |= {f"file > {key}": value for key, value in directives.items()}
    return found


def _counts(own: Iterable[str], name: str) -> bool:
    """Whether a file is not one that the server writes; a pattern with `!` before it is an exception."""
    kept = [pattern[1:] for pattern in own if pattern.startswith("!")]
    return any(fnmatch(name, pattern) for pattern in kept) or not any(
        fnmatch(name, pattern) for pattern in (*_NOTES, *own)
    )


def _shown(content: bytes) -> str:
    is_short = len(content) <= _SHORT and content.isascii() and content.count(b"\n") <= 1
    return content.decode().strip() if is_short else sha256(content).hexdigest()[:16]
