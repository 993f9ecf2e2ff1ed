"""Whoever names what is not there is told what he may have meant, in a line that can be read."""

import pytest

from scaling_guide.model.names import LISTED, instead

MANY = [f"nginx-setting-{number}" for number in range(LISTED + 1)] + ["haproxy-maxconn"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("haproxy-maxcon", "did you mean haproxy-maxconn?"),
        ("haproxy-max-conn", "did you mean haproxy-maxconn?"),
        ("MAXCONN", "did you mean haproxy-maxconn?"),
        ("setting-7", "did you mean nginx-setting-7, nginx-setting-70, nginx-setting-71, nginx-setting-72,"
                      " nginx-setting-73?"),
        ("zzz", f"there are {len(MANY)}, and none is like it; pages and reports print them"),
        ("", f"there are {len(MANY)}, and none is like it; pages and reports print them"),
    ],
)  # fmt: skip
def test_of_many_names_the_close_ones_are_told(name: str, told: str) -> None:
    assert instead(name, MANY) == told


def test_few_names_are_all_told() -> None:
    assert instead("stagin", ["staging", "lab", "production"]) == "there are: lab, production, staging"
    assert instead("any", []) == "there are: none"


def test_names_that_can_be_listed_are_listed_where_none_is_close() -> None:
    assert instead("zzz", MANY[:20]).startswith("there are: nginx-setting-0, nginx-setting-1, ")
