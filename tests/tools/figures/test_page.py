import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.tools.figures.page import NARROWEST, page, with_caption, wrapped, write_figure, write_page
from stylegans.tools.figures.sheet import MARGIN, Figure, Omitted, font

RED = (200, 30, 30)


def figure(width: int = 300, *, caption: str = "Words and words. " * 20) -> Figure:
    return Figure("some-name", "A title", caption, np.full([50, width, 3], RED, dtype=np.uint8))


class Tags(HTMLParser):
    """The tags of a page with their attributes; void ones need no end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("width", [300, 1200])
def test_the_caption_stands_below_the_figure_and_keeps_within_its_width(width: int) -> None:
    whole = with_caption(figure(width))
    assert whole.shape[1] == max(width, NARROWEST)
    left = (whole.shape[1] - width) // 2
    assert (whole[:50, left : left + width] == RED).all()
    below = whole[50:]
    assert (below < 128).any()
    assert (below[:, -MARGIN // 2 :] == 255).all()
    assert (below[-MARGIN // 2 :] == 255).all()


def test_the_lines_hold_every_word_and_none_is_too_long() -> None:
    lines = list(wrapped(figure(caption="one ψ\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}1 two " * 9 + "x" * 300), 200))
    words = [word for line in lines for word, _ in line]
    assert words == ["A", "title.", *["one", "ψ\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}1", "two"] * 9, "x" * 300]
    for line in lines[:-1]:
        assert sum(font(weight).getlength(f"{word} ") for word, weight in line) <= 200 + font().getlength(" ")
    assert lines[-1] == [("x" * 300, "regular")]


def test_the_folder_holds_the_pictures_that_the_page_shows(tmp_path: Path) -> None:
    path = write_figure(tmp_path / "new", figure())
    assert path == tmp_path / "new/some-name.png"
    index = write_page(tmp_path / "new", [figure()], [], model="demo")
    tags = Tags(index.read_text("utf-8"))
    sources = [attributes["src"] for tag, attributes in tags.found if tag == "img"]
    assert sources == ["some-name.png"]
    with Image.open(path) as picture:
        (image,) = (attributes for tag, attributes in tags.found if tag == "img")
        assert int(image["width"] or 0) == picture.width
        assert int(image["height"] or 0) < picture.height  # the page's own caption stands for that of the file


def test_the_page_is_well_formed_alone_and_describes_every_picture() -> None:
    text = page([figure(caption='a < b & "c"')], [Omitted("other", "Another <one>", "no noise & no w")], model="<x>")
    tags = Tags(text)
    assert tags.open == []
    assert "a &lt; b &amp; &quot;c&quot;" in text
    assert "Another &lt;one&gt;: no noise &amp; no w" in text
    assert "<title>Figures of &lt;x&gt;</title>" in text
    for tag, attributes in tags.found:
        assert tag not in ("script", "link", "iframe")
        if tag == "img":
            assert attributes["alt"] == 'A title. a < b & "c"'
        for name in ("src", "href"):
            assert "//" not in (attributes.get(name) or "")
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    anchors = {attributes["href"] for tag, attributes in tags.found if tag == "a"}
    assert anchors == {"#some-name", "some-name.png"}
    assert re.search(r'<html lang="en">', text)


def test_without_omissions_the_page_has_no_list_of_them() -> None:
    assert "Left out" not in page([figure()], [], model="demo")
