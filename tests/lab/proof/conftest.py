"""The guide, and a bench whose files are written into a directory and take effect nowhere."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.bench import Bench
from scaling_guide.model.guide import Guide
from scaling_guide.model.record import TierName
from tests.verify.observations import guide as documented

Still = Callable[..., Bench]


@pytest.fixture
def guide() -> Guide:
    return documented()


@pytest.fixture
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Still:
    """The bench of a target that takes whatever is put on its disk."""

    async def taken(self: Bench) -> None:
        pass

    monkeypatch.setattr(Bench, "take_effect", taken)

    def bench(target: str, tier: TierName = "medium") -> Bench:
        environment = documented().environments["lab"].model_copy(update={"tier": tier})
        (tmp_path / target).mkdir(exist_ok=True)
        return Bench(documented(), environment, environment.targets[target], Lab(42, tmp_path))

    return bench
