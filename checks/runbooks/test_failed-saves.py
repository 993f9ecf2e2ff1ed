"""Redis refuses writes since a save failed (MISCONF): does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
