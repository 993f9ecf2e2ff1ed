from pathlib import Path

import pytest

from macros.links import Links

PAGES = ["index.md", "tiers.md", "runbooks/index.md", "runbooks/drain.md", "load-balancing/algorithms.md"]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for page in [*PAGES, "downloads/small/nginx/nginx.conf"]:
        (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / page).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("page", "target", "served", "from_disk"),
    [
        ("index.md", "tiers.md", "tiers/", "tiers.html"),
        ("tiers.md", "index.md", "../", "index.html"),
        ("tiers.md", "tiers.md", "./", "tiers.html"),
        ("index.md", "runbooks/index.md", "runbooks/", "runbooks/index.html"),
        ("runbooks/index.md", "runbooks/drain.md", "drain/", "drain.html"),
        ("runbooks/drain.md", "runbooks/index.md", "../", "index.html"),
        (
            "runbooks/drain.md",
            "load-balancing/algorithms.md",
            "../../load-balancing/algorithms/",
            "../load-balancing/algorithms.html",
        ),
        (
            "tiers.md",
            "downloads/small/nginx/nginx.conf",
            "../downloads/small/nginx/nginx.conf",
            "downloads/small/nginx/nginx.conf",
        ),
    ],
)
def test_a_link_is_relative_to_the_page_in_both_builds(
    docs: Path, page: str, target: str, served: str, from_disk: str
) -> None:
    assert Links(docs, page, directories=True).to(target) == served
    assert Links(docs, page, directories=False).to(target) == from_disk


def test_an_anchor_follows_the_address(docs: Path) -> None:
    assert Links(docs, "index.md", directories=True).to("tiers.md", "small") == "tiers/#small"


def test_an_anchor_on_the_same_page_needs_no_address(docs: Path) -> None:
    assert Links(docs, "tiers.md", directories=True).to("tiers.md", "small") == "#small"


def test_a_link_to_a_page_that_is_not_there_is_refused(docs: Path) -> None:
    with pytest.raises(LookupError, match=r"index.md links to missing.md"):
        Links(docs, "index.md", directories=True).to("missing.md")
