"""Add a server, or remove one for good: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
