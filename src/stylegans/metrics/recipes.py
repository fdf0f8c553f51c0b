"""Metrics by name: which mathematics, seen by which network, over how many pictures.

A published name means the published protocol and network, and nothing else may bear it: ``fid50k_full`` is 50,000
pictures against the whole set in the features of one particular Inception. What is measured with the networks that
travel with the package bears their names: ``fd_mobilenet``, ``ppl_alex_wend``.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from stylegans.errors import UserError

Kind = Literal[
    "frechet",
    "kernel",
    "inception-score",
    "precision-recall",
    "density-coverage",
    "neighbours",
    "sliced-wasserstein",
    "ms-ssim",
    "lpips",
    "path-length",
    "separability",
    "mixing",
    "equivariance",
]

Motion = Literal["", "whole", "fractional", "rotation"]
"""Of an equivariance: by whole pixels, by fractions of them, or about the middle."""

Better = Literal["lower", "higher", ""]

Network = Literal["inception", "vgg16", "dinov2", "mobilenet", "lpips_vgg16", "lpips_alexnet", "pixels"]
"""What sees the pictures. 'pixels': nothing but themselves."""

OWN_SAMPLING: tuple[Kind, ...] = ("path-length", "separability", "mixing", "equivariance")
"""These draw pictures of their own; all others share one pass over the same ones."""

TITLES: dict[Network, str] = {
    "inception": "FID's Inception",
    "vgg16": "VGG16",
    "lpips_vgg16": "VGG16",
    "dinov2": "DINOv2",
    "mobilenet": "MobileNetV2",
    "lpips_alexnet": "AlexNet",
}
"""In words."""

EMBEDDED: tuple[Network, ...] = ("mobilenet", "lpips_alexnet", "pixels")
"""These need no file."""


@dataclass(frozen=True)
class Recipe:
    """A metric's protocol."""

    name: str
    kind: Kind
    network: Network
    num: int
    """Generated pictures, or pairs of them, or latents."""
    paper: str
    """What it is and where it comes from, in one line."""
    reals: int | None = None
    """At most so many real pictures; None: all."""
    whole_set: bool = False
    """Whether ``reals`` stays as it is when ``num`` is made smaller."""
    mirrored: bool = False
    """Whether a set that is trained on with mirrored pictures is compared with them too."""
    better: Better = "lower"
    """Of the first of its values; '': neither, it should be what real pictures have."""
    space: Literal["z", "w"] = "w"
    """Of a path length."""
    ends: Literal["full", "end"] = "end"
    """Of a path length: anywhere along the path, or at its beginning."""
    crop: bool = False
    """Of a path length: whether only the middle of the picture, where FFHQ's faces are, is seen."""
    motion: Motion = ""
    """Of an equivariance."""

    @property
    def is_offline(self) -> bool:
        """Whether it runs with what is in the package."""
        return self.network in EMBEDDED

    def with_num(self, num: int) -> "Recipe":
        """The same protocol over ``num`` pictures; the real ones become fewer with them, where it is so in the recipe.

        Raises:
            UserError: that is less than one.
        """
        if num < 1:
            raise UserError(f"--num: {num} is too few; give 1 or more")
        from dataclasses import replace

        reals = self.reals if self.whole_set or self.reals is None else min(self.reals, num)
        return replace(self, num=num, reals=reals)


LIMIT_KERNEL, LIMIT_NEIGHBOURS = 1_000_000, 200_000
"""Real pictures that the published programs take at most."""


def _over_features(network: Network, short: str, *, num: int) -> Iterable[Recipe]:
    """The metrics of plain samples in the features of a network that is no published metric's own."""
    frechet = "Fréchet distance (Heusel et al. 2017) in the features of"
    kernel = "kernel distance (Bińkowski et al. 2018) in the features of"
    nearest = "precision and recall, k = 3 (Kynkäänniemi et al. 2019), in the features of"
    dense = "density and coverage, k = 5 (Naeem et al. 2020), in the features of"
    copies = "nearest training pictures, in the features of"
    long = {"mobilenet": "MobileNetV2", "dinov2": "DINOv2"}[network]
    yield Recipe(f"fd_{short}", "frechet", network, num, f"{frechet} {long}", reals=num)
    yield Recipe(f"kd_{short}", "kernel", network, num, f"{kernel} {long}", reals=num)
    yield Recipe(f"pr_{short}", "precision-recall", network, num, f"{nearest} {long}", reals=num, better="higher")
    yield Recipe(f"dc_{short}", "density-coverage", network, num, f"{dense} {long}", reals=num, better="higher")
    yield Recipe(f"nn_{short}", "neighbours", network, num, f"{copies} {long}", better="", whole_set=True)


def _path_lengths(name: str, network: Network, *, num: int) -> Iterable[Recipe]:
    """The five published variants; ``name`` holds {} for what differs."""
    paper = "perceptual path length (Karras et al. 2019, section 4.1)"
    for space in ("z", "w"):
        for ends in ("full", "end"):
            where = f"{paper} in {space}, {'along the whole path' if ends == 'full' else 'at its ends'}, cropped"
            full_name = name.format("ppl", f"{space}{ends}")
            yield Recipe(full_name, "path-length", network, num, where, space=space, ends=ends, crop=True)
    whole = "perceptual path length in w at its ends, of whole pictures (Karras et al. 2020)"
    yield Recipe(name.format("ppl2", "wend"), "path-length", network, num, whole)


def _equivariance(name: str, motion: Motion, paper: str) -> Recipe:
    return Recipe(name, "equivariance", "pixels", 50_000, paper, better="higher", motion=motion)


def _published() -> Iterable[Recipe]:
    fid, kid = "Fréchet Inception distance (Heusel et al. 2017)", "kernel Inception distance (Bińkowski et al. 2018)"
    yield Recipe("fid50k_full", "frechet", "inception", 50_000, f"{fid}, against the whole set", whole_set=True)
    yield Recipe("fid50k", "frechet", "inception", 50_000, fid, reals=50_000, mirrored=True)
    yield Recipe(
        "kid50k_full",
        "kernel",
        "inception",
        50_000,
        f"{kid}, against the whole set",
        reals=LIMIT_KERNEL,
        whole_set=True,
    )
    yield Recipe("kid50k", "kernel", "inception", 50_000, kid, reals=50_000, mirrored=True)
    score = "inception score, ten splits (Salimans et al. 2016)"
    yield Recipe("is50k", "inception-score", "inception", 50_000, score, better="higher")
    nearest = "precision and recall, k = 3 (Kynkäänniemi et al. 2019)"
    yield Recipe(
        "pr50k3_full",
        "precision-recall",
        "vgg16",
        50_000,
        f"{nearest}, against the whole set",
        reals=LIMIT_NEIGHBOURS,
        whole_set=True,
        better="higher",
    )
    yield Recipe("pr50k3", "precision-recall", "vgg16", 50_000, nearest, reals=50_000, mirrored=True, better="higher")
    dense = "density and coverage, k = 5 (Naeem et al. 2020)"
    yield Recipe("dc50k5", "density-coverage", "vgg16", 50_000, dense, reals=50_000, better="higher")
    yield from _path_lengths("{}_{}", "lpips_vgg16", num=50_000)
    mixed = "Fréchet Inception distance with 1 to 4 latents mixed (Karras et al. 2019, table 2)"
    yield Recipe("mix50k_full", "mixing", "inception", 50_000, mixed, whole_set=True)
    swd = "sliced Wasserstein distance × 10³ by resolution (Karras et al. 2018, table 1)"
    yield Recipe("swd16k", "sliced-wasserstein", "pixels", 16_384, swd, reals=16_384, mirrored=True)
    ssim = "MS-SSIM between 10,000 pairs of generated pictures (Karras et al. 2018, table 1)"
    moving = "equivariance, decibels (Karras et al. 2021, section 3):"
    eqt = f"{moving} translations"
    yield _equivariance("eqt50k_int", "whole", f"{eqt} by whole pixels")
    yield _equivariance("eqt50k_frac", "fractional", f"{eqt} by fractions of a pixel")
    yield _equivariance("eqr50k", "rotation", f"{moving} rotations")
    yield Recipe("msssim10k", "ms-ssim", "pixels", 20_000, ssim, reals=20_000, better="")


OFFLINE_PICTURES = 5_000
"""Below this a Fréchet distance's bias is large; a laptop sees so many in some minutes."""


def _offline() -> Iterable[Recipe]:
    yield from _over_features("mobilenet", "mobilenet", num=OFFLINE_PICTURES)
    score = "inception score with MobileNetV2 for the Inception, ten splits (Salimans et al. 2016)"
    yield Recipe("is_mobilenet", "inception-score", "mobilenet", OFFLINE_PICTURES, score, better="higher")
    yield from _path_lengths("{}_alex_{}", "lpips_alexnet", num=OFFLINE_PICTURES)
    diverse = "LPIPS between pairs of generated pictures (Zhang et al. 2018), by AlexNet"
    yield Recipe("lpips_alex", "lpips", "lpips_alexnet", OFFLINE_PICTURES, diverse, reals=OFFLINE_PICTURES, better="")
    separable = "linear separability (Karras et al. 2019, section 4.2) by classifiers trained on the set's labels"
    yield Recipe("ls_mobilenet", "separability", "mobilenet", 20_000, separable, reals=20_000, whole_set=True)
    mixed = "Fréchet distance in MobileNetV2's features with 1 to 4 latents mixed (Karras et al. 2019, table 2)"
    yield Recipe("mix_mobilenet", "mixing", "mobilenet", OFFLINE_PICTURES, mixed, reals=OFFLINE_PICTURES)


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (*_published(), *_over_features("dinov2", "dinov2", num=50_000), *_offline())
}

RIGHT_NAMES = {
    "fid50k_full": "fd_mobilenet",
    "fid50k": "fd_mobilenet",
    "kid50k_full": "kd_mobilenet",
    "kid50k": "kd_mobilenet",
    "is50k": "is_mobilenet",
    "pr50k3_full": "pr_mobilenet",
    "pr50k3": "pr_mobilenet",
    "dc50k5": "dc_mobilenet",
    "mix50k_full": "mix_mobilenet",
    "ls": "ls_mobilenet",
} | {name: name.replace("_", "_alex_", 1) for name in ("ppl_zfull", "ppl_zend", "ppl_wfull", "ppl_wend", "ppl2_wend")}
"""Published name → what runs offline in its stead, under its own name."""

NOT_HERE = {
    "ls": "ls: the published separability needs NVIDIA's forty CelebA classifiers, which this version does not read; "
    "ls_mobilenet trains its own on the labels of --data",
}
"""Published names that cannot be given yet, and why."""


def recipe(name: str, *, option: str = "--metrics") -> Recipe:
    """The recipe of that name.

    Raises:
        UserError: there is none; names the nearest.
    """
    if name in RECIPES:
        return RECIPES[name]
    if name in NOT_HERE:
        raise UserError(f"{option}: {NOT_HERE[name]}")
    alike = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.6)
    if name in ("fid", "kid", "is", "pr", "ppl", "dc"):
        alike = [{"is": "is50k", "pr": "pr50k3_full", "ppl": "ppl2_wend", "dc": "dc50k5"}.get(name, f"{name}50k_full")]
    meant = f"; did you mean {alike[0]}?" if alike else f"; there are {', '.join(RECIPES)}"
    raise UserError(f"{option}: '{name}' is not a metric{meant}")


def parse(text: str, *, option: str = "--metrics") -> tuple[Recipe, ...]:
    """'fd_mobilenet,kd_mobilenet' → their recipes, in this order, each once.

    Raises:
        UserError: an unknown name, or none.
    """
    names = [word.strip() for word in text.split(",") if word.strip()]
    if not names:
        raise UserError(f"{option}: names no metric; fd_mobilenet needs nothing but the package")
    return recipes_of(names, option=option)


def recipes_of(names: Sequence[str], *, option: str = "--metrics") -> tuple[Recipe, ...]:
    """The recipes of those names, each once.

    Raises:
        UserError: an unknown name.
    """
    return tuple(recipe(name, option=option) for name in dict.fromkeys(names))
