"""A backend server is down or flapping: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
