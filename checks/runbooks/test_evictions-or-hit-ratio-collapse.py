"""A cache evicts all the time, or its hit ratio collapsed: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
