"""The papers' figures, of any model: each a function, in a file of its own. ``figures`` draws all of them."""

from stylegans.tools.figures.collection import figures
from stylegans.tools.figures.contribution import contributions
from stylegans.tools.figures.interpolation import interpolations
from stylegans.tools.figures.mixing import style_mixing
from stylegans.tools.figures.noise import noise_layers
from stylegans.tools.figures.page import write_figure, write_page
from stylegans.tools.figures.samples import uncurated
from stylegans.tools.figures.sheet import Figure, Omitted
from stylegans.tools.figures.stochastic import noise_detail
from stylegans.tools.figures.truncation import truncation_sweep

__all__ = [
    "Figure",
    "Omitted",
    "contributions",
    "figures",
    "interpolations",
    "noise_detail",
    "noise_layers",
    "style_mixing",
    "truncation_sweep",
    "uncurated",
    "write_figure",
    "write_page",
]
