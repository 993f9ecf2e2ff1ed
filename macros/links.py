"""Links from one page of the site to another, right in the served build and in the one read from disk."""

import posixpath
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Links:
    """Links as seen from `page`, a source path below `docs` such as `load-balancing/algorithms.md`.

    With `directories` the page is served as `load-balancing/algorithms/`, else as `.../algorithms.html`.
    """

    docs: Path
    page: str
    directories: bool

    def to(self, target: str, anchor: str = "") -> str:
        """The address of `target`, a source path below `docs`. Raises LookupError where there is none."""
        if not self.has(target):
            raise LookupError(f"{self.page} links to {target}, which is not under {self.docs}")
        fragment = f"#{anchor}" if anchor else ""
        if target == self.page and fragment:
            return fragment
        start = posixpath.dirname(self._served(self.page))
        address = posixpath.relpath(self._served(target), start or ".")
        if self.directories and target.endswith(".md"):
            address = posixpath.dirname(address) + "/" if "/" in address else "./"
        return address + fragment

    def address(self, target: str, anchor: str = "") -> str:
        """The address of a page below the site, as a link from its root: `load-balancing/algorithms/#x`."""
        served = self._served(target)
        if self.directories:
            served = served.removesuffix("index.html")
        return f"{served}#{anchor}" if anchor else served

    def has(self, target: str) -> bool:
        """Whether `target` is a file of the site."""
        return (self.docs / target).is_file()

    def _served(self, source: str) -> str:
        """The file that `source` is built into, as a path below the site."""
        stem, extension = posixpath.splitext(source)
        if extension != ".md":
            return source
        if not self.directories or posixpath.basename(stem) == "index":
            return stem + ".html"
        return f"{stem}/index.html"
