"""Differences of groups: the mean latent of pictures that show something, less that of pictures that do not.

The arithmetic of DCGAN (section 6.3.2) in w, as one direction; Larsen et al. 2016 call it an attribute vector.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.networks.protocol import Generator
from stylegans.tools.directions.files import Direction, Found, directions_of
from stylegans.tools.directions.spread import some_latents, spread_of
from stylegans.tools.generate import Label

SAMPLES = 10_000


def difference(positive: Tensor, negative: Tensor) -> Tensor:
    """The mean of ``positive`` [N, dim] less that of ``negative`` [M, dim] → [dim], float64."""
    return positive.double().mean(dim=0) - negative.double().mean(dim=0)


def find_difference(
    G: Generator,
    positive: Sequence[int],
    negative: Sequence[int],
    *,
    name: str = "difference",
    label: Label | None = None,
    layers: Sequence[int] | None = None,
    samples: int = SAMPLES,
) -> Direction:
    """From the mean w of the seeds ``negative`` to that of ``positive``: the vector is that difference itself.

    A strength counts standard deviations along it, as of every direction; the fact ``distance`` is how many of them lie
    between the two means.

    Args:
        label: of all of them; None: each seed draws its own class.
        layers: the ws the direction is for; None: all.
        samples: latents by which the standard deviation along it is measured.

    Raises:
        UserError: a group is empty, or the two have the same mean; or the label is none of the model's.
    """
    for option, seeds in (("--positive", positive), ("--negative", negative)):
        if not seeds:
            raise UserError(f"{option}: a group has no seeds; give it one or more, like 1,5,9")
    vector = difference(*(torch.cat(list(some_latents(G, seeds, label=label))) for seeds in (positive, negative)))
    length = float(vector.norm())
    deviation = spread_of(G, samples=samples, label=label).along(vector)
    if not length or not deviation:
        raise UserError("--positive: both groups have the same mean; there is no difference")
    one = Found(name, vector, deviation, {"distance": length / deviation})
    return directions_of(G, [one], method="difference", layers=layers)[0]
