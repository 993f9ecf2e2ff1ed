"""Accidents that the lab brings about under load, to see what the configuration alone makes of them."""

from collections.abc import Mapping
from datetime import date

from pydantic import PrivateAttr

from scaling_guide.model.record import Record, Text
from scaling_guide.model.runbooks import Phase, Rehearsal


class Experiment(Record):
    """A question that only an accident answers. Nobody acts: what happens is in `given` of each scenario.

    `topic` is `section/topic`, whose page shows the figures; `learned` is what they mean for a reader.
    """

    title: Text
    topic: Text
    owner: Text
    reviewed: date
    question: Text
    learned: Text
    rehearsal: Rehearsal

    _id: str = PrivateAttr(default="")

    @property
    def id(self) -> str:
        """The experiment's name, that of its file."""
        return self._id

    @property
    def phases(self) -> Mapping[str, Phase]:
        """None: an experiment has no procedure."""
        return {}
