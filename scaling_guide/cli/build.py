"""`guide build`: the site."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out
from scaling_guide.model.guide import Guide
from scaling_guide.render.coverage import LAB, coverage
from scaling_guide.render.reports import kill_matrix, latest_run
from scaling_guide.render.site import write_downloads
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
        raise project.broken(error) from None
    code = _mkdocs(root, site, offline)
    if code:
        errors.print("the site was not built", style="bold red")
        raise typer.Exit(code)
    serve = f"python3 -m http.server -b 127.0.0.1 -d {site}, then http://127.0.0.1:8000/"
    how = f"open {site}/index.html" if offline else serve
    out.print(f"site in {site}; to read it: {how}", highlight=False)


def _write_coverage(guide: Guide, root: Path) -> None:
    """Leave coverage.json beside the reports. Raises ValueError for a report that is none, and OSError."""
    reports = project.reports(root)
    covered = coverage(guide, root / "docs", latest_run(reports, LAB), kill_matrix(reports))
    reports.mkdir(parents=True, exist_ok=True)
    replace_file(reports / "coverage.json", covered.text())


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
