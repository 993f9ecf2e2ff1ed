"""A health check that is wrong: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
