"""What the lab measured by comparison: a plot, a table, what they mean and what they do not."""

from collections.abc import Sequence

from markupsafe import Markup

from macros.context import Context
from macros.escape import fill, inline
from macros.plots import Bars, Chart, Lines, Point, figure, plot
from scaling_guide.lab.measure.outdated import is_outdated
from scaling_guide.lab.measure.result import Result, Spread
from scaling_guide.model.measurements import Measurement, Metric
from scaling_guide.model.pages import slug
from scaling_guide.model.topics import Topic

UNKNOWN = "unknown"
# where the commands of all measurements are
PAGE = "measurements.md"


def blocks(site: Context, topic: Topic) -> list[str]:
    """A heading and a block for each measurement of a topic."""
    return [
        block
        for record in site.guide.measurements.values()
        if record.topic == topic.id
        for block in (f"### {inline(record.title)} {{: #{record.id} }}", _measurement(site, record))
    ]


def median(site: Context, measurement_id: str, metric: str, variant: str) -> str:
    """One median for prose, or that it is unknown.

    Raises LookupError for a measurement, a metric or a variant that the data does not have.
    """
    record = site.guide.measurements.get(measurement_id)
    if record is None or metric not in record.metrics or variant not in record.varied.labels:
        raise LookupError(f"there is no `{metric}` of `{variant}` in measurement `{measurement_id}`")
    result = site.known.results.get(measurement_id)
    if result is None or not result.is_of(record):
        return UNKNOWN
    return f"{figure(result.medians[metric][variant])} {record.metrics[metric].unit}"


def _measurement(site: Context, record: Measurement) -> str:
    result = site.known.results.get(record.id)
    # figures of other variants or metrics than the record has cannot be shown beside its words
    shown = result if result and result.is_of(record) else None
    return fill(
        "measurement",
        record=record,
        result=shown,
        plots=_plots(site, record, shown) if shown else (),
        rows=_rows(record, shown) if shown else (),
        contradictions=shown.contradictions(record) if shown else (),
        changed=result is not None and is_outdated(result, record),
        ran=site.links.to(PAGE, record.id) if site.links.has(PAGE) else None,
    )


def what_was_run(site: Context) -> str:
    """The commands of every measurement, and the files that they take, each file once."""
    files: dict[tuple[str, str], str] = {}
    blocks: list[str] = []
    for id, record in site.guide.measurements.items():
        result = site.known.results.get(id)
        if result is None or not result.is_of(record):
            continue
        own: dict[str, str] = {}
        for name, text in sorted(result.scripts.items()):
            same_name = sum(other == name for other, _ in files)
            own[name] = files.setdefault((name, text), slug(f"file {name} {same_name or ''}"))
        ran = {"record": record, "result": result, "commands": _commands(record, result), "files": own}
        blocks += [f"## {inline(record.title)} {{: #{id} }}", fill("what_was_run", **ran)]
    if files:
        blocks.append("## Files")
    for (name, text), id in files.items():
        blocks += [f"### {inline(name)} {{: #{id} }}", fill("file", text=text.rstrip())]
    return "\n\n".join(blocks) or "Nothing was measured yet."


def _commands(record: Measurement, result: Result) -> str:
    """The command lines of each variant under its name; those that all share, once and without."""
    if len(set(result.ran.values())) == 1:
        return "\n".join(next(iter(result.ran.values())))
    return "\n".join(
        "\n".join((f"# {record.varied.label}: {label}", *result.ran[variant]))
        for variant, label in record.varied.labels.items()
    )


def _rows(record: Measurement, result: Result) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """For each variant its label, and for each metric its heading, median and spread."""
    return [
        (
            label,
            [
                (
                    _heading(metric),
                    figure(spread.median),
                    f"{figure(spread.lowest)} to {figure(spread.highest)}",
                )
                for name, metric in record.metrics.items()
                for spread in (result.spreads[name][variant],)
            ],
        )
        for variant, label in record.varied.labels.items()
    ]


def _heading(metric: Metric) -> str:
    return f"{metric.label}, {metric.unit}"


def _plots(site: Context, record: Measurement, result: Result) -> list[tuple[str, Markup]]:
    """Caption and SVG of each plot."""
    drawn = []
    for number, names in enumerate(_together(record)):
        metric = record.metrics[names[0]]
        what = _heading(metric) if len(names) == 1 else f"In {metric.unit}"
        caption = f"{what}: {metric.better} is better"
        chart = _chart(record, result, names, f"{record.title}: {caption}")
        if isinstance(chart, Lines) and chart.is_logarithmic:
            caption += ", logarithmic"
        drawn.append((caption, plot(chart, f"{record.id}-plot-{number}", site.known.plots)))
    return drawn


def _together(record: Measurement) -> list[list[str]]:
    """The metrics of each plot: those of one unit as lines over the same number, else each for itself."""
    if not record.varied.values:
        return [[name] for name in record.metrics]
    kinds: dict[tuple[str, str], list[str]] = {}
    for name, metric in record.metrics.items():
        kinds.setdefault((metric.unit, metric.better), []).append(name)
    return list(kinds.values())


def _chart(record: Measurement, result: Result, names: Sequence[str], title: str) -> Chart:
    across = f"{record.varied.label}, {record.varied.unit}" if record.varied.unit else record.varied.label
    words = f"Medians by {across.lower()}. " + ". ".join(
        f"{record.metrics[name].label}: "
        + ", ".join(
            f"{label} {figure(result.spreads[name][variant].median)}"
            for variant, label in record.varied.labels.items()
        )
        for name in names
    )
    if not record.varied.values:
        (name,) = names
        variants = (
            (label, _point(result.spreads[name][variant])) for variant, label in record.varied.labels.items()
        )
        return Bars(title, words, tuple(variants))
    series = (
        (record.metrics[name].label, tuple(_point(each) for each in result.spreads[name].values()))
        for name in names
    )
    return Lines(title, words, across, record.varied.values, tuple(series))


def _point(spread: Spread) -> Point:
    return Point(spread.lowest, spread.median, spread.highest)
