"""The front page: the seven sections, and how much of them is written."""

from macros.context import Context
from macros.escape import fill


def sections(site: Context) -> str:
    """Each section with its promise and its topics; those not written yet are named as such."""
    return fill("home/sections", site=site)
