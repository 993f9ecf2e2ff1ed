"""Roll a release back on all servers: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
