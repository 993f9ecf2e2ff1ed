"""A release made the page heavier or slower: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
