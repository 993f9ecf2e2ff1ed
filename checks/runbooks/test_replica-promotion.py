"""Promote the replica: does what its phases rely on hold here?"""


def test_preconditions(check):
    check.holds()


def test_mitigate(check):
    check.holds()


def test_verify(check):
    check.holds()


def test_roll_back(check):
    check.holds()
