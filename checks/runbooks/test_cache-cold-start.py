"""A cache is empty, and everything asks the database: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
