"""The arguments of the StyleGAN2 paper on any model: normalisation, growing, smoothness, resolution, inversion."""

from collections.abc import Callable
from types import ModuleType

from stylegans.networks.protocol import Generator, device_of
from stylegans.tools.figures import feature_statistics, fixed_crop, path_lengths, projections, shares
from stylegans.tools.figures.collection import Kind, Request
from stylegans.tools.figures.sheet import Figure
from stylegans.tools.perceptual import open_perceptual


def _kind(module: ModuleType, draw: Callable[[Generator, Request], Figure]) -> Kind:
    """The figure of one of the modules here, which say by model and request why it cannot be had."""
    return Kind(module.NAME, module.TITLE, draw, module.missing)


def _by_path_length(G: Generator, r: Request) -> Figure:
    perceptual = open_perceptual(device=device_of(G))
    return path_lengths.by_path_length(G, perceptual, r.seeds, seed=r.seed, label=r.label)


def _projections(G: Generator, r: Request) -> Figure:
    assert r.reals is not None  # or it were missing
    models = [(r.name, G)] if r.beside is None else [(r.name, G), r.beside]
    return projections.projections(models, r.reals, seed=r.seed, steps=r.steps)


ANALYSES: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind(
            feature_statistics,
            lambda G, r: feature_statistics.layer_features(
                G, r.seeds, seed=r.seed, truncation=r.truncation, label=r.label
            ),
        ),
        Kind(
            fixed_crop.NAME,
            fixed_crop.TITLE,
            lambda G, r: fixed_crop.fixed_crops(G, r.seeds, truncation=r.truncation, label=r.label),
        ),
        Kind(path_lengths.NAME, path_lengths.TITLE, _by_path_length),
        _kind(shares, lambda _, r: shares.shares_over_training(r.log or ())),
        _kind(projections, _projections),
    )
}
"""The analyses by name, in the order of a folder of them; ``stylegans.tools.figures.collection.drawn`` draws them."""
