"""Extend the disk of a Supabase project: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
