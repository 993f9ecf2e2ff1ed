import asyncio
import time

import pytest

from scaling_guide.lab.waiting import FIRST, LONGEST, pauses, until


def test_pauses_grow_from_short_to_long() -> None:
    lengths = [pause for pause, _ in zip(pauses(60), range(20), strict=False)]
    assert lengths[0] == FIRST
    assert lengths == sorted(lengths)
    assert lengths[-1] == LONGEST


def test_pauses_end_at_the_deadline() -> None:
    begun = time.monotonic()
    for pause in pauses(0.05):
        time.sleep(pause)
    assert 0.05 <= time.monotonic() - begun < 1


def test_waiting_ends_as_soon_as_nothing_is_missing() -> None:
    answers = iter(["port", "health", None, "never asked again"])

    async def missing() -> str | None:
        return next(answers)

    asyncio.run(until(missing, 5))
    assert next(answers) == "never asked again"


def test_waiting_in_vain_says_what_was_missing() -> None:
    async def missing() -> str | None:
        return "it did not listen"

    with pytest.raises(TimeoutError, match=r"it did not listen after 0\.02 s"):
        asyncio.run(until(missing, 0.02))
