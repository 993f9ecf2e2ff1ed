"""Rotate a certificate that is about to expire: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
