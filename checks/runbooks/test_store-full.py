"""A store is full and refuses writes (noeviction): does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
