"""Measure every variant several times, in turn, so that what slows the machine down hits all alike."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import LabError, lab
from scaling_guide.lab.measure import measurements
from scaling_guide.lab.measure.outdated import digest
from scaling_guide.lab.measure.result import Result, Spread, rounded
from scaling_guide.lab.measure.rig import NotMeasured, Prepare, Rig, Take
from scaling_guide.model.environments import Environment
from scaling_guide.model.measurements import Measurement
from scaling_guide.model.target import Target
from scaling_guide.probes.observation import Observation
from scaling_guide.probes.observe import observe
from scaling_guide.probes.probe import probes_of

# share of the cores that others may use before figures suffer
BUSY = 0.5

Progress = Callable[[str], None]


def measure(
    environment: Environment,
    record: Measurement,
    number: int,
    progress: Progress = lambda line: None,
) -> Result:
    """The figures of `record` from lab `number`, which is down afterwards, whatever happens.

    `environment` is the lab's, loaded for that number. Raises NotMeasured where nothing measures such an id,
    and as `taken` does; LabError where the lab is up already or does not start.
    """
    prepare = measurements().get(record.id)
    if prepare is None:
        raise NotMeasured(f"no function measures {record.id}")
    if lifecycle.status(number).phase != "down":
        raise LabError(f"lab {number} is up, and others would share it: take it down or use another --lab")
    rig = Rig(environment, lab(number))
    progress(f"{record.id}: {record.title}")
    if rig.load > BUSY * cores():
        progress(f"  this machine is busy (load {rig.load:.1f}, {cores()} cores): expect a wide spread")
    try:
        lifecycle.up(number, environment.tier)
        return taken(rig, record, prepare, progress)
    finally:
        lifecycle.down(number)


def taken(rig: Rig, record: Measurement, prepare: Prepare, progress: Progress = lambda line: None) -> Result:
    """The figures of `record` from a lab that is up.

    Each variant is run once without counting, then `repeats` times. Raises NotMeasured where a tool fails, or
    tells other metrics than the record has.
    """
    begun = time.monotonic()
    samples: dict[str, dict[str, list[float]]] = {
        metric: {variant: [] for variant in record.varied.labels} for metric in record.metrics
    }
    ran: dict[str, tuple[str, ...]] = {}
    with rig.undo:
        take = prepare(rig)
        prepared = _noted(rig)
        for variant in record.varied.labels:
            _sample(take, variant, record)
        for number, variants in enumerate(rounds(tuple(record.varied.labels), record.repeats), 1):
            progress(f"  round {number} of {record.repeats}")
            for variant in variants:
                rig.noted.clear()
                for metric, value in _sample(take, variant, record).items():
                    samples[metric][variant].append(rounded(value))
                ran[variant] = _noted(rig)
    return Result(
        id=record.id,
        digest=digest(record, prepare),
        date=date.today(),
        tier=rig.environment.tier,
        cores=cores(),
        load=round(rig.load, 1),
        versions=_versions(rig.environment, rig.used),
        seconds=round(time.monotonic() - begun, 1),
        prepared=prepared,
        ran=ran,
        scripts=rig.scripts,
        spreads={
            metric: {variant: Spread(tuple(values)) for variant, values in found.items()}
            for metric, found in samples.items()
        },
    )


def cores() -> int:
    """How many cores servers and load share."""
    return len(os.sched_getaffinity(0))


def rounds(variants: Sequence[str], repeats: int) -> Iterator[Sequence[str]]:
    """The order of each round: forwards and backwards in turn, so that a steady drift favours no variant."""
    for number in range(repeats):
        yield variants[::-1] if number % 2 else variants


def _sample(take: Take, variant: str, record: Measurement) -> Mapping[str, float]:
    sample = take(variant)
    if set(sample) != set(record.metrics):
        raise NotMeasured(f"{variant} was measured for {', '.join(sample)}, not {', '.join(record.metrics)}")
    return sample


def _noted(rig: Rig) -> tuple[str, ...]:
    noted = tuple(rig.noted)
    rig.noted.clear()
    return noted


def _versions(environment: Environment, used: Mapping[str, Target]) -> dict[str, str]:
    """The version of each product that took part; one that does not tell is left out."""
    needs = [
        (probe, name)
        for name, each in used.items()
        for probe, known in probes_of(each.system).items()
        if known.tells_version
    ]
    return {
        str(used[name].system): result.version
        for (_, name), result in observe(environment, needs).items()
        if isinstance(result, Observation)
    }
