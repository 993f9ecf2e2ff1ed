"""The disk of a primary fills with retained WAL: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
