"""Versions of products, in the order in which they appeared."""


def version(text: str) -> tuple[int, ...]:
    """`1.22.1` as (1, 22, 1). Raises ValueError for what is no version."""
    return tuple(int(part) for part in text.split("."))
