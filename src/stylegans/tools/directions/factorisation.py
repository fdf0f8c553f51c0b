"""Closed-form factorisation (SeFa: Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs").

A generator's first step takes a latent to A w + b. Of all directions n of length 1 the ones that change it most,
argmax ‖A n‖², are the eigenvectors of AᵀA with the largest eigenvalues. No picture is drawn and nothing is trained.

A stacks, one below the other, the weights that take w to the styles of the chosen layers, as they act, with the
equalised learning rate's scale: rows count as they are, none is normalised. Of a StyleGAN these are AdaIN's scales and
shifts, of a StyleGAN2 and 3 the modulations of the convolutions that make features. ToRGB's styles are left out, which
colour a picture that is there already and share their w with other layers; so are the rotation and shift of StyleGAN3's
input. Levels that a growing network does not have yet do not count. In a generator without styles A is the first
layer's weights on z.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from stylegans.errors import UserError
from stylegans.networks import dcgan, gan, progan, resnet, stylegan, stylegan2, stylegan3
from stylegans.networks.protocol import Generator
from stylegans.networks.pyramid import present
from stylegans.nn.equalized import EqualizedLinear
from stylegans.nn.inputs import DenseInput
from stylegans.tools.directions.files import Direction, Found, directions_of
from stylegans.tools.directions.spread import oriented, spread_of
from stylegans.tools.generate import Label

SAMPLES = 10_000
"""Latents by which the standard deviation along a direction is known to 1 %."""


def style_weights(G: Generator, layers: Sequence[int] | None = None) -> Tensor:
    """A: the stacked weights [rows, w_dim], float64, from the w of ``layers`` (None: all) to their styles.

    Of a model without styles: the first layer's on z.

    Raises:
        UserError: none of ``layers`` feeds a style, or the model's kind is not known here.
    """
    found = [(layer, affine.weight * affine.weight_gain) for layer, affine in _affines(G.synthesis)]
    if not found:
        return first_weights(G)
    chosen = [weight for layer, weight in found if layers is None or layer in layers]
    if not chosen:
        known = sorted({layer for layer, _ in found})
        raise UserError(
            f"--layers: no layer that makes features takes its style from there; layers {known[0]}-{known[-1]} do"
        )
    return torch.cat(chosen).detach().cpu().double()


def first_weights(G: Generator) -> Tensor:
    """The first layer's weights [rows, w_dim], float64, of a model without styles; 0 where it takes the label.

    Raises:
        UserError: the model's kind is not known here.
    """
    weight = _first_layer(G.synthesis)
    if weight is None:
        raise UserError("--method: this model has neither styles nor a first layer known here; use another method")
    weight = weight.detach().cpu().double().clone()
    if G.w_dim == G.z_dim + G.c_dim:  # the label stands behind z: a direction must not turn one class into another
        weight[:, G.z_dim :] = 0
    return weight


def eigenvectors(A: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first ``count`` eigenvectors [count, w_dim] of AᵀA and their eigenvalues [count], the largest first.

    Raises:
        UserError: A has a lower rank.
    """
    values, vectors = torch.linalg.eigh(A.T @ A)
    rank = int(torch.linalg.matrix_rank(A.T @ A, hermitian=True))
    if not 1 <= count <= rank:
        raise UserError(f"--count: {count} is not between 1 and {rank}, the directions that change these layers")
    return oriented(vectors.T.flip(0)[:count]), values.flip(0)[:count]


def find_sefa(
    G: Generator,
    layers: Sequence[int] | None = None,
    *,
    count: int = 10,
    samples: int = SAMPLES,
    label: Label | None = None,
) -> tuple[Direction, ...]:
    """The ``count`` directions of w that change the styles of ``layers`` most: sefa0, sefa1, …

    Args:
        layers: indices into ws; None: all.
        samples: latents by which the standard deviation along each is measured, the unit of its strength.
        label: of these; None: each seed draws its own class.

    Raises:
        UserError: as ``style_weights``; or there are not so many directions.
    """
    vectors, values = eigenvectors(style_weights(G, layers), count)
    spread = spread_of(G, samples=samples, label=label)
    found = (
        Found(f"sefa{i}", vector, spread.along(vector), {"eigenvalue": float(value)})
        for i, (vector, value) in enumerate(zip(vectors, values, strict=True))
    )
    return directions_of(G, found, method="sefa", layers=layers)


def _affines(synthesis: object) -> Iterator[tuple[int, EqualizedLinear]]:
    """(the layer whose w it takes, the map to the style), coarse to fine."""
    if isinstance(synthesis, stylegan.StyleGANSynthesis):
        blocks = cast(Iterable[stylegan.SynthesisBlock], synthesis.blocks)
        for level, (block, _, _) in enumerate(present(blocks, float(synthesis.lod))):
            for i, layer in enumerate((block.layer0, block.layer1)):
                if layer.style is not None:
                    yield 2 * level + i, layer.style.affine
    elif isinstance(synthesis, stylegan2.SynthesisNetwork):
        levels = cast(Iterable[stylegan2.SynthesisBlock], synthesis.blocks)
        lod = float(synthesis.lod) if synthesis.grow else 0.0
        for level, (styled, _, _) in enumerate(present(levels, lod)):
            if styled.conv0 is not None:
                yield 2 * level - 1, styled.conv0.affine
            yield 2 * level, styled.conv1.affine
    elif isinstance(synthesis, stylegan3.SynthesisNetwork):
        for i, each in enumerate(cast(Iterable[stylegan3.SynthesisLayer], synthesis.layers), start=1):
            if not each.to_rgb:
                yield i, each.affine


def _first_layer(synthesis: object) -> Tensor | None:
    """[rows, w_dim]"""
    first: object = None
    if isinstance(synthesis, (progan.ProGANSynthesis, stylegan.StyleGANSynthesis)):
        first = synthesis.input
    elif isinstance(synthesis, (dcgan.SynthesisNetwork, resnet.SynthesisNetwork)):
        first = synthesis.project
    elif isinstance(synthesis, gan.SynthesisNetwork):
        first = next(iter(synthesis.layers), synthesis.out)
    if isinstance(first, DenseInput):
        return (first.weight * first.weight_gain).flatten(end_dim=2)
    return first.weight if isinstance(first, nn.Linear) else None
