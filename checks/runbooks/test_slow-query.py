"""A query is slow, and wants an index: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
