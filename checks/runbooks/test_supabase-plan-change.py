"""Change the plan of a Supabase organization, or its Spend Cap: does what its phases rely on hold here?"""


def test_phase(check):
    check.holds()
