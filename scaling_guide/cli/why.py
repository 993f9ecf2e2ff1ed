"""`guide why`: which known messages a text or a log holds, what they mean, and where to read on."""

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out
from scaling_guide.model.guide import Guide
from scaling_guide.model.log_scan import LogScan, Sighting, meant
from scaling_guide.model.messages import Message
from scaling_guide.model.outcome import ExitCode
from scaling_guide.model.pages import docs, places

BLOCK = 1 << 20
SHOWN = 240  # characters of a line


def why(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT|FILE]...", help="a message or a part of one, or a log; else stdin"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Name the known messages in a text or a log: how often, what they mean, where to read on.

    `guide why 'no live upstreams'` for words of a message, `guide why /var/log/nginx/error.log` for a log
    (also `.gz`), `journalctl -u haproxy | guide why` for what a command prints. A log of any size is read as
    a stream. Lines that are not known are not printed.

    Exits with 0 where something is known, with 5 where nothing is.
    """
    guide = project.guide()
    words = [each for each in text or () if each != "-" and not Path(each).is_file()]
    if not text and sys.stdin.isatty():
        raise project.usage("paste a message (`guide why 'TEXT'`), name a log, or pipe one in")
    scan = LogScan(guide.messages)
    scan.read("text", [f"{each}\n".encode() for each in words])
    with suppress(KeyboardInterrupt):  # of `tail -f`: say what was found until then
        for name in [each for each in text or ["-"] if each not in words]:
            _read(scan, name)
    seen = scan.sightings
    close = (
        () if seen else tuple(dict.fromkeys(each for part in words for each in meant(guide.messages, part)))
    )
    if as_json:
        _print_json(guide, scan.lines, seen, close)
    else:
        _print(guide, scan.lines, seen, close)
    if not seen and not close:
        raise typer.Exit(ExitCode.NOTHING_SELECTED)


def _read(scan: LogScan, name: str) -> None:
    if name == "-":
        scan.read("stdin", _blocks(sys.stdin.buffer))
        return
    with gzip.open(name) if name.endswith(".gz") else Path(name).open("rb") as file:
        scan.read(name, _blocks(file))


def _blocks(file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)
    while block := read(BLOCK):
        yield block


def _print(guide: Guide, lines: int, seen: tuple[Sighting, ...], close: tuple[Message, ...]) -> None:
    for sighting in seen:
        _print_message(guide, sighting.message, f"{sighting.count:,} x" if lines > 1 else "")
        if lines > 1:
            both = [sighting.first, sighting.last] if sighting.count > 1 else [sighting.first]
            for word, line in zip(("first", "last "), both, strict=False):
                where = f"{line.source}:{line.number:,}"
                out.print(f"  {word}    {where}  {_short(line.text)}", markup=False, highlight=False)
    for message in close:
        _print_message(guide, message, "part of")
    if not seen and not close:
        among = f"none of the {len(guide.messages):,} known messages is in it ({lines:,} lines read)"
        errors.print(f"{among}; try fewer words, or search the site", markup=False, highlight=False)


def _print_message(guide: Guide, message: Message, before: str) -> None:
    versions = "" if message.versions == "all" else f" ({message.versions})"
    head = " ".join(filter(None, (before, f"{message.product}: {message.text}{versions}")))
    out.print(head, style="bold", markup=False, highlight=False)
    out.print(f"  means    {message.cause}", markup=False, highlight=False)
    out.print(f"  read     {_page(message)}  {_title(guide, message)}", markup=False, highlight=False)
    if message.runbook:
        title = guide.runbooks[message.runbook].title
        out.print(f"  runbook  guide runbook {message.runbook}  {title}", markup=False, highlight=False)


def _print_json(guide: Guide, lines: int, seen: tuple[Sighting, ...], close: tuple[Message, ...]) -> None:
    found = [
        {
            **_record(guide, each.message),
            "count": each.count,
            "first": vars(each.first),
            "last": vars(each.last),
        }
        for each in seen
    ]
    document = {
        "schema": 1,
        "lines": lines,
        "messages": found,
        "close": [_record(guide, message) for message in close],
    }
    print(json.dumps(document, indent=1))


def _record(guide: Guide, message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "product": message.product,
        "text": message.text,
        "versions": message.versions,
        "cause": message.cause,
        "page": _page(message),
        "title": _title(guide, message),
        "runbook": message.runbook,
        "source": message.source,
    }


def _page(message: Message) -> str:
    """The address below the site."""
    return f"{message.topic}/#{message.anchor}"


def _title(guide: Guide, message: Message) -> str:
    """The heading to read below."""
    folder = docs(guide)
    known = places(guide, folder, message.topic) if folder else {}
    return known.get(message.anchor, message.anchor)


def _short(line: str) -> str:
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
