"""Overload that outlives its cause (retry storm): does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
