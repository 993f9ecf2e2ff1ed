"""Where the command line writes: results to standard output, everything else to standard error."""

from rich.console import Console

OUTCOME_STYLE = {
    "pass": "green",
    "fail": "bold red",
    "waived": "yellow",
    "not_applicable": "dim",
    "flaky": "yellow",
}

out = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def say(line: str) -> None:
    """A line about work that goes on; never as markup, since it may be a server's own words."""
    errors.print(line, style="dim", highlight=False, markup=False)


def outcome_style(outcome: str) -> str:
    """The colour of an outcome; whatever could not be looked at is magenta."""
    return OUTCOME_STYLE.get(outcome, "magenta")
