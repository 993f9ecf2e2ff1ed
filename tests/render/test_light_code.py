"""Highlighted code keeps its colours and loses the elements that have none."""

import markdown
from bs4 import BeautifulSoup

CODE = 'server = app.listen(8000, "x")\n'
BLOCK = f"```python\n{CODE}```\n"
HIGHLIGHTING = ["pymdownx.superfences", "pymdownx.highlight"]


def rendered(*extensions: str) -> BeautifulSoup:
    return BeautifulSoup(markdown.markdown(BLOCK, extensions=[*HIGHLIGHTING, *extensions]), "html.parser")


def test_the_text_is_kept_and_elements_without_a_colour_are_gone() -> None:
    plain, light = rendered(), rendered("scaling_guide.render.light_code")
    assert plain.find("code").get_text() == light.find("code").get_text() == CODE
    classes = {name for span in light.find_all("span") for name in span.get("class", [""])}
    assert classes == {"mi", "s2"}
    assert len(light.find_all("span")) < len(plain.find_all("span")) / 2
