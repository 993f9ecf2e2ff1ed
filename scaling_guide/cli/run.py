"""`guide run`: carry out a runbook one step at a time, with a log of what was done, when and by whom."""

import getpass
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import out
from scaling_guide.cli.rendering import diagnosis_of, situation_of
from scaling_guide.cli.runbook import Given, Server, named, settings, told
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.outcome import ExitCode, Outcome
from scaling_guide.model.runbooks import Finding, Runbook, Safety, Step
from scaling_guide.model.units import Unit, meaning
from scaling_guide.probes.observation import CannotObserve
from scaling_guide.probes.transport import LOCAL, run
from scaling_guide.render.commands import Asked, Command, Situation, rounds, step_commands
from scaling_guide.render.documented import value_of
from scaling_guide.render.procedure import Procedure, place
from scaling_guide.verify.mask import masked
from scaling_guide.verify.run import verify
from scaling_guide.verify.selection import runbook_checks

COMMAND_SECONDS = 3600.0
GRACE_SECONDS = 10.0
MET = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.WAIVED})
PHASES_RUN = ("preconditions", "mitigate", "verify")
DONE, SKIPPED, FAILED = "done", "skipped", "failed"


@dataclass
class Log:
    """What was done, a JSON document a line, for its owner only. `done` is what an earlier part did."""

    path: Path
    done: set[str] = field(default_factory=set)

    def write(self, event: str, **fields: object) -> None:
        """Add a line, with the time and the user, and without secrets."""
        line = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": getpass.getuser(),
            "event": event,
            **{name: masked(value) if isinstance(value, str) else value for name, value in fields.items()},
        }
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@dataclass(frozen=True)
class Task:
    """A command of the page: which phase it belongs to, and what it is called in the log."""

    phase: str
    command: Command
    name: str


def run_runbook(
    alert: Annotated[str, typer.Argument(metavar="RUNBOOK", help="a runbook's name, or an alert's")],
    env: Annotated[str, typer.Option("--env", help="a name below data/environments")],
    row: Annotated[str | None, typer.Option("--row", help="the case; else the diagnosis decides")] = None,
    server: Server = None,
    given: Given = None,
    resume: Annotated[Path | None, typer.Option("--resume", help="go on where this log ends")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the commands, and run none")] = False,
) -> None:
    """Carry out a runbook one step at a time: exactly the commands that its page shows.

    Looks run by themselves; a reversible step is asked for, an irreversible one demands its word. The first
    failure, red check or step without an effect ends it. What was run is in build/runs, one JSON document a
    line.

    Exit code 0 when users are served again, 1 when it stopped, 10 when the case is not known.
    """
    guide = project.guide()
    runbook = named(guide, alert)
    found = situation_of(guide, env, runbook, server, settings(given))
    case = _case(guide, env, found, row, settings(given), dry_run)
    tasks = list(_tasks(found, case))
    if unset := sorted({name for name, value in found.parameters.items() if isinstance(value, Asked)}):
        needed = [name for name in unset if any(found.parameters[name] in each.command.run for each in tasks)]
        if needed and not dry_run:
            said = "; ".join(f"--set {name}=VALUE ({runbook.parameters[name].safe})" for name in needed)
            raise project.usage(f"this case needs {said}")
    if dry_run:
        for line in _printed(found, tasks):
            out.print(line, markup=False, highlight=False)
        return
    log = _log(runbook, resume)
    out.print(f"log {log.path}; after a lost connection: --resume {log.path}", highlight=False, markup=False)
    log.write("begun", runbook=runbook.id, environment=env, row=case.id, server=found.server.id)
    ended = _carry_out(guide, found, case, tasks, log)
    log.write("ended", state=DONE if ended else FAILED)
    if not ended:
        said = f"stopped. Call {runbook.owner}: {Procedure(found).contact}"
        out.print(said, style="bold red", markup=False, highlight=False)
        raise typer.Exit(ExitCode.DRIFT)
    out.print("verified, and users are served", style="green")


def _case(
    guide: Guide, env: str, found: Situation, row: str | None, given: Mapping[str, str], dry_run: bool
) -> Finding:
    """The row that is the case: the one that is named, or the one that the looks decide."""
    runbook = found.runbook
    if row is not None:
        if row not in runbook.rows:
            raise project.usage(f"{runbook.id} has no row {row}; there are: {', '.join(runbook.rows)}")
        return runbook.rows[row]
    if dry_run:
        raise project.usage("--dry-run needs --row, since it takes no look")
    seen = diagnosis_of(guide, env, runbook, found.server.id, given)
    for line in told(seen, runbook):
        out.print(line, markup=False, highlight=False)
    if seen.decides is None:
        raise typer.Exit(ExitCode.INCONCLUSIVE)
    case = runbook.rows[seen.decides]
    if not case.steps:
        out.print("this case has no steps here: nothing was run", highlight=False)
        raise typer.Exit(ExitCode.VERIFIED if case.alert_is_wrong else ExitCode.INCONCLUSIVE)
    return case


def _tasks(found: Situation, case: Finding) -> Iterator[Task]:
    """The commands of the page that the case takes: looks before, its own steps, verification."""
    runbook = found.runbook
    own = [runbook.own_steps[step] if isinstance(step, str) else step for step in case.steps]
    # what others do at the end of the mitigation is for them
    skipped = {step.id for step in runbook.mitigate.steps if step.id} - {step.id for step in own}
    phases: list[tuple[str, tuple[Step, ...]]] = [
        ("preconditions", runbook.preconditions.steps),
        ("mitigate", tuple(own)),
        ("verify", tuple(step for step in runbook.verify.steps if step.id not in skipped)),
        ("users", runbook.users),
    ]
    for phase, steps in phases:
        for together, about in rounds(steps, found):
            for step in together:
                for command in step_commands(step, about):
                    at = f"{command.target.id if command.target else 'here'} {about.server.id}"
                    yield Task(phase, command, f"{phase}: {step.do} @ {at}")


def _printed(found: Situation, tasks: list[Task]) -> Iterator[str]:
    shown = Procedure(found)
    yield shown.settings
    for task in tasks:
        step, command = task.command.step, shown.printed(task.command)
        yield f"\n# {task.phase}, {place(command.target)}, {step.safety}: {step.do}"
        yield command.run
        if command.wait:
            yield f"# then wait, at most {step.wait_at_most}\n{command.wait}"


def _carry_out(guide: Guide, found: Situation, case: Finding, tasks: list[Task], log: Log) -> bool:
    """Whether every step was done and every check held. The first that was not ends it."""
    for phase in (*PHASES_RUN, "users"):
        if phase == "preconditions" and not _holds(guide, found, phase, case, log):
            return False
        for task in (each for each in tasks if each.phase == phase):
            if task.name in log.done:
                out.print(f"done before: {task.name}", style="dim", markup=False, highlight=False)
            elif not _do(guide, found, task, log):
                return False
        if phase == "verify" and not _holds(guide, found, phase, case, log):
            return False
    return True


def _holds(guide: Guide, found: Situation, phase: str, case: Finding, log: Log) -> bool:
    """Whether the checks of a phase hold. One that is red in this case is shown with what that means."""
    name = f"checks of {phase}"
    if phase == "preconditions" and name in log.done:
        return True
    checks = runbook_checks(guide, found.environment, found.runbook.id, phase)
    red = [each for each in verify(found.environment, checks).results if each.outcome not in MET]
    expected = case.despite if phase == "preconditions" else {}
    for each in red:
        what = expected.get(each.id) or found.runbook.phases[phase].red or ""
        out.print(f"RED {each.id}: {each.message}. {what}", style="red", markup=False, highlight=False)
    holds = all(each.id in expected for each in red)
    if holds and red:
        holds = typer.confirm("Go on all the same?", default=False)
    told_red = [each.message for each in red]
    log.write("checks", task=name, phase=phase, red=told_red, state=DONE if holds else FAILED)
    return holds


def _do(guide: Guide, found: Situation, task: Task, log: Log) -> bool:
    """Show a command, ask where it changes something, run it, and see its effect and its end."""
    step, shown = task.command.step, Procedure(found)
    command = shown.printed(task.command)
    out.print(f"\n{step.do} ({step.safety}, {place(command.target)})", style="bold", markup=False)
    out.print(command.run, markup=False, highlight=False)
    if step.safety is Safety.REVERSIBLE and not typer.confirm("Run it?", default=False):
        log.write("step", task=task.name, state=SKIPPED)
        return False
    if step.safety is Safety.IRREVERSIBLE and typer.prompt("Type `irreversible` to run it") != "irreversible":
        log.write("step", task=task.name, state=SKIPPED)
        return False
    state, said = _run(found.environment, shown, command, guide)
    out.print(masked(said), markup=False, highlight=False)
    log.write("step", task=task.name, command=command.run, output=said, state=state)
    if state != DONE and step.red:
        out.print(step.red, markup=False, highlight=False)
    return state == DONE


def _run(environment: Environment, shown: Procedure, command: Command, guide: Guide) -> tuple[str, str]:
    """The state of a command that has run with its wait, and what it said."""
    host = command.target.host if command.target else f"{LOCAL}://"
    said = ""
    for text, seconds in ((command.run, COMMAND_SECONDS), (command.wait, _patience(command.step))):
        if text is None:
            continue
        try:
            answer = run(host, f"bash -c {shlex.quote(shown.printer.runnable(text))}", seconds)
        except CannotObserve as error:
            return FAILED, f"{said}{error}"
        said += answer.stdout + answer.stderr
        if answer.exit_code:
            return FAILED, f"{said}ended with {answer.exit_code}"
        effect = command.step.effect
        if effect is not None and text == command.run:
            number = effect.read(answer.stdout)
            if number is None or not effect.is_met(number, value_of(guide, environment.tier)):
                changed = "nothing" if number is None else f"{number:g}"
                return FAILED, f"{said}changed too little, {effect.of}: {changed}"
    return DONE, said


def _patience(step: Step) -> float:
    at_most = step.wait_at_most
    return float(meaning(at_most, Unit.DURATION)) / 1000 + GRACE_SECONDS if at_most else GRACE_SECONDS


def _log(runbook: Runbook, resume: Path | None) -> Log:
    """A new log below build/runs, or the one to go on with. Exits with 4 where that cannot be read."""
    if resume is None:
        directory = project.root() / "build" / "runs"
        directory.mkdir(parents=True, exist_ok=True)
        return Log(directory / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{runbook.id}.jsonl")
    try:
        lines = [json.loads(line) for line in resume.read_text("utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise project.usage(f"--resume {resume}: {error}") from None
    if not lines or lines[0].get("runbook") != runbook.id:
        raise project.usage(f"--resume {resume}: not a log of {runbook.id}")
    return Log(resume, {line["task"] for line in lines if line.get("state") == DONE and "task" in line})
