"""Read replica configuration: is what the page says true here?"""


def test_documented_fact(check):
    check.holds()
