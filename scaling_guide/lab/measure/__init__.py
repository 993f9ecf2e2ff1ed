"""Measurements: the id of a record in `data/measurements` to the function that measures it."""

from collections.abc import Mapping

from scaling_guide.lab.measure import caches, databases, web
from scaling_guide.lab.measure.rig import Prepare

MEASUREMENTS: Mapping[str, Prepare] = {
    **caches.MEASUREMENTS,
    **databases.MEASUREMENTS,
    **web.MEASUREMENTS,
}
