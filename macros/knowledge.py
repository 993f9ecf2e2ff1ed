"""Read what the pages report, once for as long as no file of it changes."""

from pathlib import Path

from macros.context import Known
from scaling_guide.lab.measure import result
from scaling_guide.model import rehearsals
from scaling_guide.model.kept import load
from scaling_guide.model.lab_layout import DEFAULT_NUMBER, Layout
from scaling_guide.render.reports import kill_matrix, runs

Stamp = tuple[tuple[str, int, int], ...]
# the pages show no address of the lab, so any place will do whose name a shell need not quote
_VARIABLES = Layout(DEFAULT_NUMBER, Path("/tmp/lab")).variables
_kept: dict[tuple[Path, Path], tuple[Stamp, Known]] = {}


def known(data: Path, build: Path) -> Known:
    """The guide under `data` and the reports under `build`.

    Raises scaling_guide.model.problems.Invalid for data that has problems and ValueError for a report that
    cannot be read: a page must not be built from half of what is true.
    """
    stamp = _stamp([*data.rglob("*"), *build.glob("verify/**/results.json"), *build.glob("proof/*.json")])
    if (data, build) not in _kept or _kept[data, build][0] != stamp:
        fresh = Known(
            guide=load(data, _VARIABLES),
            runs=runs(build),
            proof=kill_matrix(build),
            measured=rehearsals.read(data),
            results=result.read(data),
            plots=build / "plots",
        )
        _kept[data, build] = (stamp, fresh)
    return _kept[data, build][1]


def _stamp(paths: list[Path]) -> Stamp:
    found = ((str(path), path.stat()) for path in sorted(paths) if path.is_file())
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)
