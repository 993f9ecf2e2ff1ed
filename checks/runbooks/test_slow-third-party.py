"""A third party is slow, and your requests wait for it: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
