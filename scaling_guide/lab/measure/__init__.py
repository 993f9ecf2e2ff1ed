"""Measurements: the id of a record in `data/measurements` to the function that measures it."""

from collections.abc import Mapping

from scaling_guide.lab.measure import databases
from scaling_guide.lab.measure.rig import Prepare

MEASUREMENTS: Mapping[str, Prepare] = {
    **databases.MEASUREMENTS,
}
