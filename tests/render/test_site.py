"""What the site offers for download: every file for every tier, and the alert rules."""

from pathlib import Path

import yaml

from scaling_guide.model.load import examine
from scaling_guide.model.record import TIERS
from scaling_guide.render.site import ALERTS, SHOWN, kind, write_downloads

DATA = Path(__file__).parents[2] / "data"
GUIDE, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent), "user": "me"})


def test_every_config_file_is_there_for_every_tier_and_nothing_stale_is(tmp_path: Path) -> None:
    assert GUIDE is not None
    (tmp_path / "small" / "gone").mkdir(parents=True)
    write_downloads(GUIDE, tmp_path)
    wanted = {
        f"{tier}/{kind(target)}/{template.stem}"
        for tier in TIERS
        for target in GUIDE.environments[SHOWN].targets.values()
        if target.system != "supabase"
        for template in DATA.glob(f"templates/{target.system}/*.j2")
    }
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == wanted | {ALERTS}


def test_alerts_lead_to_the_published_site(tmp_path: Path) -> None:
    assert GUIDE is not None
    write_downloads(GUIDE, tmp_path, "https://guide.example.com")
    (rule, *_) = yaml.safe_load((tmp_path / ALERTS).read_text())["groups"][0]["rules"]
    assert rule["annotations"]["runbook_url"].startswith("https://guide.example.com/runbooks/")
