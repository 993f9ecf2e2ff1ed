"""Give a Memcached more memory or connections: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
