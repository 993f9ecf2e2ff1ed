"""`guide build`, `guide size`, `guide runbook` and `guide incident-pack`: for people who read."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from jinja2 import UndefinedError
from rich.table import Table

from scaling_guide.capacity.size import size as sized
from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out
from scaling_guide.model.guide import Guide
from scaling_guide.model.names import instead
from scaling_guide.model.today import today
from scaling_guide.render.coverage import LAB, coverage
from scaling_guide.render.incident_pack import incident_pack as packed
from scaling_guide.render.incident_pack import runbook_text
from scaling_guide.render.reports import kill_matrix, latest_run
from scaling_guide.render.site import SHOWN, write_downloads
from scaling_guide.verify.reports import replace_file

# MkDocs hides its warnings under -q, and strict then counts none of them
_CHATTER = re.compile(r"INFO +-")


def build(
    directory: Annotated[
        Path | None, typer.Option("--out", help="where the site goes; else site/ of the checkout")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="a site that works from file://")] = False,
) -> None:
    """Build the site, with the results of the last verification on its pages.

    The config files and alert rules that it offers go to docs/downloads, and how much of the guide is
    written, checked and proven goes to build/coverage.json.
    """
    root, guide = project.root(), project.guide()
    site = (directory or root / "site").absolute()
    write_downloads(guide, root / "docs" / "downloads", os.environ.get("SG_SITE_URL", ""))
    try:
        _write_coverage(guide, root)
    except ValueError as error:
        raise _broken(error) from None
    code = _mkdocs(root, site, offline)
    if code:
        errors.print("the site was not built", style="bold red")
        raise typer.Exit(code)
    serve = f"python3 -m http.server -b 127.0.0.1 -d {site}, then http://127.0.0.1:8000/"
    how = f"open {site}/index.html" if offline else serve
    out.print(f"site in {site}; to read it: {how}", highlight=False)


def _write_coverage(guide: Guide, root: Path) -> None:
    """Leave coverage.json beside the reports. Raises ValueError for a report that is none, and OSError."""
    reports = _reports(root)
    covered = coverage(guide, root / "docs", latest_run(reports, LAB), kill_matrix(reports))
    reports.mkdir(parents=True, exist_ok=True)
    replace_file(reports / "coverage.json", covered.text())


def _reports(root: Path) -> Path:
    """Where runs leave their reports and the pages look for them."""
    return root / os.environ.get("SG_BUILD", "build")


def _mkdocs(root: Path, site: Path, offline: bool) -> int:
    """Have MkDocs build the site, strictly; show what it says but for its chatter. Returns its exit code."""
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "OFFLINE": "true" if offline else "false"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    with subprocess.Popen(
        command, cwd=root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as mkdocs:
        assert mkdocs.stdout is not None
        for line in mkdocs.stdout:
            if not _CHATTER.match(line):
                errors.print(line.rstrip(), markup=False, highlight=False)
    return mkdocs.returncode


def runbook(
    alert: Annotated[str, typer.Argument(help="an alert's name, or a runbook's")],
    env: Annotated[
        str | None, typer.Option("--env", help="print all of it, with its commands for this environment")
    ] = None,
) -> None:
    """Find the runbook that an alert leads to, and print what to look at first, or all of it."""
    guide = project.guide()
    named = {threshold.alert.lower(): threshold.runbook for threshold in guide.thresholds.values()}
    name = named.get(alert.lower(), alert)
    if name not in guide.runbooks:
        known = {*(threshold.alert for threshold in guide.thresholds.values()), *guide.runbooks}
        raise project.usage(f"nothing is known of {alert}; {instead(alert, known)}")
    found = guide.runbooks[name]
    if env is not None:
        environment = project.environment(guide, env)
        with _rendering(env):
            text = runbook_text(guide, environment, found)
        out.print(text, end="", markup=False, highlight=False)
        return
    out.print(found.title, style="bold")
    out.print(found.symptom, markup=False, highlight=False)
    for look in found.confirm:
        seen = f"    normal: {look.normal}   abnormal: {look.abnormal}"
        out.print(f"  {look.look}", markup=False, highlight=False)
        out.print(seen, style="dim", markup=False, highlight=False)
    out.print(f"with its commands  guide runbook {name} --env NAME", highlight=False)
    out.print(f"go or no-go        guide verify --env NAME --runbook {name} --before", highlight=False)
    out.print(f"page               runbooks/{name}/", highlight=False)


def size(
    peak: Annotated[int, typer.Option(help="requests in the busiest second, growth included")],
) -> None:
    """Say which tier a peak belongs to, and how many replicas and load balancers carry it.

    A zone may be lost at the peak, where there is more than one.
    """
    guide = project.guide()
    try:
        found = sized(guide.tiers, peak)
    except ValueError as error:
        raise project.usage(str(error)) from None
    tier = guide.tiers[found.tier]
    each = f", {found.replicas // found.zones:,} in each zone" if found.zones > 1 else ""
    table = Table(box=None, show_header=False)
    table.add_row("tier", f"{found.tier}, sized for up to {tier.peak_requests_per_second:,} requests/s")
    table.add_row("zones", f"{found.zones}")
    table.add_row("load balancers", f"{found.load_balancers}")
    table.add_row("replicas", f"{found.replicas:,}{each}")
    table.add_row(
        "without spares", f"{found.needed:,}, at {tier.requests_per_second_per_replica:,} requests/s each"
    )
    out.print(table)
    for line in tier.implies:
        out.print(f"  {line}", style="dim", markup=False, highlight=False)


def incident_pack(
    env: Annotated[str, typer.Option("--env", help="a name below data/environments")] = SHOWN,
    directory: Annotated[
        Path | None, typer.Option("--out", help="where it goes; else build/incident-pack of the checkout")
    ] = None,
) -> None:
    """Write all runbooks for an environment as plain files, for when the site is down too.

    With them come the alert rules, the config files that each server is meant to have, and what the last
    verification of the environment saw.
    """
    root, guide = project.root(), project.guide()
    environment = project.environment(guide, env)
    where = (directory or root / "build" / "incident-pack").absolute()
    try:
        run = latest_run(_reports(root), env)
    except ValueError as error:
        raise _broken(error) from None
    with _rendering(env):
        files = packed(guide, environment, run, today())
    for name, text in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text, "utf-8")
    out.print(f"{len(files)} files for {env} in {where}; begin with README.md", highlight=False)


@contextmanager
def _rendering(env: str) -> Iterator[None]:
    """Exits with 4 where the environment lacks what a command needs."""
    try:
        yield
    except (LookupError, UndefinedError) as error:
        raise project.usage(f"the runbooks cannot be rendered for {env}: {error}") from None


def _broken(error: ValueError) -> typer.Exit:
    """Say that a report could not be read; raise what comes back."""
    errors.print(f"error: {error}", markup=False, highlight=False)
    return typer.Exit(1)
