"""What a proof run tells while it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scaling_guide.lab.proof.matrix import Kill
from scaling_guide.model.kill_matrix import Deletion

Say = Callable[[str], None]
Show = Callable[[int, int], None]


def _nothing(done: int, total: int) -> None:
    pass


@dataclass
class Progress:
    """Says what needs a reader, a line for each target, and with `verbose` a line for each mutant.

    `show` is told how many mutants and lines are done, and of how many, whenever that changes.
    """

    say: Say
    show: Show = _nothing
    verbose: bool = False
    total: int = 0
    done: int = 0

    def begin(self, total: int) -> None:
        self.total = total
        self.show(0, total)

    def step(self) -> None:
        """One mutant or line is done."""
        self.done += 1
        self.show(self.done, self.total)

    def kill(self, kill: Kill) -> None:
        """A mutant is done."""
        self.step()
        if self.verbose or not kill.only:
            self.say(_line(kill))

    def target(self, name: str, kills: Sequence[Kill], lines: Sequence[Deletion], seconds: float) -> None:
        """A target is done."""
        killed = sum(kill.killed for kill in kills)
        self.say(f"{name}: {killed} of {len(kills)} mutants killed, {len(lines)} lines, {seconds:.0f} s")


def _line(kill: Kill) -> str:
    state = "killed" if kill.only else "NOT LANDED" if not kill.landed else "NOT EXACTLY"
    detail = kill.reason or ", ".join(sorted(kill.red | kill.upset)) or "nothing went red"
    shared = f", in {kill.together} configurations" if kill.together else ""
    said = f"{kill.seconds:.2f} s{shared}" if kill.only else detail
    return f"{kill.target}: {kill.id}: {state} ({said})"
