"""Templates that can be rendered, from facts that there are."""

from collections.abc import Iterator
from datetime import date

from jinja2 import Environment as Jinja
from jinja2 import TemplateSyntaxError

from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Location, Problem
from scaling_guide.model.rules.facts import rendered_facts


def template_without_fact(guide: Guide, today: date) -> Iterator[Problem]:
    for name, at in rendered_facts(guide.directory).items():
        if name not in guide.facts:
            yield Problem(at, "UNKNOWN_VALUE", f"{name} is no fact", "correct the id or write the fact")


def broken_template(guide: Guide, today: date) -> Iterator[Problem]:
    for path in sorted((guide.directory / "templates").glob("*/*.j2")):
        raw = path.read_bytes()
        try:
            Jinja().compile(raw.decode("utf-8"), raw=True)
        except UnicodeDecodeError as error:
            where = Location(path, raw.count(b"\n", 0, error.start) + 1)
            yield Problem(where, "NOT_UTF8", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        except TemplateSyntaxError as error:
            where = Location(path, error.lineno)
            yield Problem(where, "TEMPLATE_SYNTAX", error.message or "", "correct the template at this line")
        except (RecursionError, ValueError) as error:
            what = f"the template cannot be read: {error}"
            yield Problem(Location(path), "TEMPLATE_SYNTAX", what, "simplify its expressions")
