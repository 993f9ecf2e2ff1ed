"""The commands of a runbook for one environment: the same string for the page, the terminal and the lab."""

from scaling_guide.render.commands.fingerprint import digest
from scaling_guide.render.commands.printing import Printer
from scaling_guide.render.commands.rendering import (
    Asked,
    Command,
    phase_commands,
    render,
    render_step,
    rounds,
    situation,
    step_commands,
)
from scaling_guide.render.commands.situation import Situation, targets

__all__ = [
    "Asked",
    "Command",
    "Printer",
    "Situation",
    "digest",
    "phase_commands",
    "render",
    "render_step",
    "rounds",
    "situation",
    "step_commands",
    "targets",
]
