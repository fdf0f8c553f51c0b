"""A folder of figures: a PNG each, its caption below it, and a page to look through them.

The page is one file beside the pictures and needs nothing else. It shows each picture down to its caption, which it
sets itself, so that it can be read, searched and selected.
"""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from stylegans.files.atomic import write_text
from stylegans.files.pictures import WHITE, save_png
from stylegans.tools.figures.sheet import INK, LINE, MARGIN, Figure, Omitted, Weight, font

PAGE = "index.html"

NARROWEST = 720
"""Pixels that a caption has at least for its lines; narrower figures stand in the middle above it."""

STYLE = """\
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; line-height: 1.5;
       font-family: Georgia, "Times New Roman", serif; color: #191919; background: #fcfcfa; }
h1 { font-size: 1.7rem; font-weight: normal; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: 0 0 2.5rem; list-style: none; }
a { color: #1d4f91; }
figure { margin: 0 0 3.5rem; scroll-margin-top: 1rem; }
figure a { display: block; width: fit-content; max-width: 100%; background: #fff; border: 1px solid #dcdcd6; }
img { display: block; max-width: 100%; height: auto; object-fit: cover; object-position: top; }
figcaption { max-width: 46rem; margin-top: .75rem; }
.omitted { max-width: 46rem; }
@media (prefers-color-scheme: dark) {
  body { color: #e2e2de; background: #17181a; }
  a { color: #8db8f0; }
  figure a { border-color: #3a3b3e; }
}
"""


def write_figure(folder: Path, figure: Figure) -> Path:
    """Write NAME.png, its caption below it; the path."""
    path = folder / f"{figure.name}.png"
    save_png(path, with_caption(figure))
    return path


def write_page(folder: Path, figures: Sequence[Figure], omitted: Sequence[Omitted], *, model: str) -> Path:
    """Write the page of ``figures``, whose files lie beside it, and of those that ``model`` cannot have; the path."""
    path = folder / PAGE
    write_text(path, page(figures, omitted, model=model))
    return path


# --- the caption ----------------------------------------------------------------------------------------------------


def with_caption(figure: Figure) -> np.ndarray:
    """The figure, its title and caption below it, uint8 [H, W, 3]."""
    height, width = figure.picture.shape[:2]
    whole = max(width, NARROWEST)
    lines = list(wrapped(figure, whole - 2 * MARGIN))
    sheet = Image.new("RGB", (whole, height + LINE * len(lines) + MARGIN), (WHITE, WHITE, WHITE))
    sheet.paste(Image.fromarray(figure.picture), ((whole - width) // 2, 0))
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        x, y = float(MARGIN), height + LINE * number + LINE * 0.75
        for word, weight in line:
            draw.text((x, y), word, fill=INK, font=font(weight), anchor="ls")
            x += font(weight).getlength(f"{word} ")
    return np.asarray(sheet)


Words = list[tuple[str, Weight]]


def wrapped(figure: Figure, width: int) -> Iterator[Words]:
    """Title (bold) and caption in lines of at most ``width`` pixels, a word longer than that on a line of its own."""
    words: Words = [(word, "bold") for word in f"{figure.title}.".split(" ")]
    words += [(word, "regular") for word in figure.caption.split(" ")]  # not at no-break spaces
    line: Words = []
    used = 0.0
    for word, weight in words:
        length = font(weight).getlength(word)
        if line and used + length > width:
            yield line
            line, used = [], 0.0
        line.append((word, weight))
        used += length + font(weight).getlength(" ")
    yield line


# --- the page -------------------------------------------------------------------------------------------------------


def page(figures: Sequence[Figure], omitted: Sequence[Omitted], *, model: str) -> str:
    """The page as HTML."""
    links = "\n".join(f'<li><a href="#{each.name}">{html.escape(each.title)}</a></li>' for each in figures)
    missing = "\n".join(f"<li>{html.escape(each.title)}: {html.escape(each.reason)}</li>" for each in omitted)
    left_out = f'<section class="omitted">\n<h2>Left out</h2>\n<ul>\n{missing}\n</ul>\n</section>\n' if omitted else ""
    title = html.escape(f"Figures of {model}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<nav><ul>\n{links}\n</ul></nav>\n"
        f"<main>\n{''.join(map(_section, figures))}{left_out}</main>\n</body>\n</html>\n"
    )


def _section(figure: Figure) -> str:
    height, width = figure.picture.shape[:2]
    whole = max(width, NARROWEST)
    title, caption = html.escape(figure.title), html.escape(figure.caption)
    file, text = html.escape(f"{figure.name}.png"), html.escape(f"{figure.title}. {figure.caption}")
    # of the file's height only the figure's: the caption below it is the page's own
    shape = f"aspect-ratio: {whole} / {height}"
    return (
        f'<figure id="{figure.name}">\n<h2>{title}</h2>\n'
        f'<a href="{file}"><img src="{file}" width="{whole}" height="{height}" style="{shape}" alt="{text}"></a>\n'
        f"<figcaption>{caption}</figcaption>\n</figure>\n"
    )
