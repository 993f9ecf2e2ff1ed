"""The files that the site offers for download."""

import shutil
from pathlib import Path

from scaling_guide.model.guide import Guide
from scaling_guide.model.record import TIERS
from scaling_guide.model.systems import systems
from scaling_guide.model.target import Target
from scaling_guide.render.alerts import alert_rules
from scaling_guide.render.configs import render

# whose addresses and paths a reader sees; the lab renders the same templates with its own
SHOWN = "production"
ALERTS = "alerts.yml"


def kind(target: Target) -> str:
    """The system of a target and, where its files depend on it, its role: `balancer`, `store-cache`."""
    return f"{target.system}-{target.role}" if target.role else str(target.system)


def write_downloads(guide: Guide, directory: Path, address: str = "") -> None:
    """Write every config file for every tier to `<directory>/<tier>/<kind>/<file>`, and the alert rules.

    `address` is that of the published site, for the links from alerts to runbooks.
    """
    shutil.rmtree(directory, ignore_errors=True)
    environment = guide.environments[SHOWN]
    for tier in TIERS:
        for target in environment.targets.values():
            if systems()[target.system].is_service:
                continue  # what is documented of it is no file: only the lab's stand-in reads one
            folder = directory / tier / kind(target)
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in render(guide, environment, target, tier).items():
                (folder / name).write_text(text, "utf-8")
    (directory / ALERTS).write_text(alert_rules(guide, address), "utf-8")
