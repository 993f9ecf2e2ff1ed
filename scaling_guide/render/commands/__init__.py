"""The commands of a runbook for one environment: the same string for the page, the terminal and the lab."""

from scaling_guide.render.commands.fingerprint import digest
from scaling_guide.render.commands.rendering import Command, phase_commands, render, render_step, situation
from scaling_guide.render.commands.situation import Situation, targets

__all__ = [
    "Command",
    "Situation",
    "digest",
    "phase_commands",
    "render",
    "render_step",
    "situation",
    "targets",
]
