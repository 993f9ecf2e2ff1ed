"""`guide validate`: what is wrong with the data."""

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out
from scaling_guide.model.lab_layout import layout
from scaling_guide.model.load import examine
from scaling_guide.model.outcome import ExitCode
from scaling_guide.render.commands import complaints


def validate() -> None:
    """Check everything under data/ and report all problems at once.

    Each line is `path:line:col CODE what is wrong; how to mend it`. Exit code 1 when there are any.
    """
    root = project.root()
    guide, problems = examine(root / "data", layout().variables)
    if guide is not None and not any(problem.refuses for problem in problems):
        problems = (*problems, *complaints.problems(guide))
    for problem in problems:
        out.print(str(problem), markup=False, highlight=False)
    if problems or guide is None:
        errors.print(f"{len(problems)} problems", style="bold red")
        raise typer.Exit(ExitCode.DRIFT)
    counts = (
        f"{len(guide.facts)} facts, {len(guide.topics)} topics, {len(guide.runbooks)} runbooks, "
        f"{len(guide.budgets)} budgets, {len(guide.environments)} environments"
    )
    out.print(f"data is consistent: {counts}", style="green", highlight=False)
