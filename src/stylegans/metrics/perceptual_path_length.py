"""Perceptual path length: how much the picture changes along a step through the latent space (StyleGAN, section 4.1).

Two latents are joined by a path; the perceptual distance between the pictures at t and t + ε on it, divided by ε², is
averaged over many pairs. In Z the path is the arc between them (equation 2), in W the straight line (equation 3).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegans.errors import UserError
from stylegans.metrics.sampling import Sampling, latents, noise_mode
from stylegans.networks.protocol import Generator, device_of
from stylegans.ops.random import per_sample

Distance = Callable[[Tensor, Tensor], Tensor]
"""Images float [N, C, H, W] in about [-1, 1] twice → squared distances [N], as LPIPS is one."""

EPSILON = 1e-4
"""The paper's step. Pictures so near to each other still differ by more than their float32 rounding: of small trained
models and LPIPS, single distances are within 3 % of float64's (half of them within 1 %), means of 48 within 0.05 %."""

SIDE = 256
"""Larger pictures are made smaller by a whole number before they are compared: VGG has been trained on about that."""


@dataclass(frozen=True)
class Path:
    """Which of the published variants."""

    space: Literal["z", "w"]
    """Arcs between latents, or straight lines between their w."""
    ends: Literal["full", "end"]
    """t is uniform in [0, 1) along the path, or 0: only its beginning, which is a picture that the model would draw."""
    crop: bool
    """Only the middle of the picture is compared, where FFHQ's faces are."""


def path_length(distances: np.ndarray) -> float:
    """The mean of distances [N] without the lowest and the highest percent.

    A distance that is exactly at a bound is kept, and the bounds are of the distances themselves, not between them.

    Raises:
        ValueError: there are none, or they are not finite.
    """
    d = np.asarray(distances, dtype=np.float64)
    if d.ndim != 1 or len(d) == 0 or not np.isfinite(d).all():
        raise ValueError("a path length needs distances [N], all of them finite")
    lowest, highest = np.percentile(d, 1, method="lower"), np.percentile(d, 99, method="higher")
    return float(d[(d >= lowest) & (d <= highest)].mean())


def distances(
    G: Generator, distance: Distance, path: Path, sampling: Sampling, *, epsilon: float = EPSILON
) -> Iterator[tuple[range, Tensor]]:
    """This process's share of the distances along ``sampling.num`` paths: (which, float32 [n]), in batches.

    Path i leads from latent 2i of the measurement's to latent 2i + 1. Its distance does not depend on the number of
    processes, nor on the batch, apart from rounding (``EPSILON``).

    Args:
        G: measured on the device it stands on, without truncation.
        distance: perceptual, on the same device.
        path: the variant.
        sampling: ``num`` paths, ``batch`` pictures at a time; ``labels`` [num, c_dim], one for both ends of a path.

    Raises:
        UserError: a path in W is asked of a model whose W is its normalised Z.
    """
    check(G, path)
    pairs = max(sampling.batch // 2, 1)
    labels = None if sampling.labels is None else sampling.labels.repeat_interleave(2, dim=0)
    for some in latents(G, replace(sampling, num=2 * sampling.num, batch=2 * pairs, labels=labels)):
        numbers = range(some.numbers.start // 2, some.numbers.stop // 2)
        a, b = some.z[::2], some.z[1::2]
        c = None if some.c is None else some.c[::2]
        yield numbers, distances_of(G, distance, path, a, b, c, numbers=numbers, seed=sampling.seed, epsilon=epsilon)


@torch.no_grad()
def distances_of(
    G: Generator,
    distance: Distance,
    path: Path,
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    numbers: Sequence[int],
    seed: int,
    epsilon: float = EPSILON,
) -> Tensor:
    """d(G(path(t)), G(path(t + ε))) / ε² of some paths, [n]. Both pictures of a path have the same noise.

    The pictures are as the network gives them, neither clamped nor rounded.

    Args:
        G, distance, path: as ``distances``.
        a, b: where the paths begin and end, [n, z_dim].
        c: their labels, [n, c_dim].
        numbers: of the paths. Noise and t are drawn from ``seed`` and this, for each path apart.
    """
    t = positions(path, numbers, seed=seed).to(a)[:, None]
    along = _along_z if path.space == "z" else _along_w
    ws = along(G, a, b, c, (t, t + epsilon))
    noise = per_sample([*numbers, *numbers], seed=seed, device=device_of(G))
    images = G.synthesis(ws, noise=noise_mode(G), generator=noise)
    near, far = shrink(crop(images) if path.crop else images).chunk(2)
    return distance(near, far) / epsilon**2


def check(G: Generator, path: Path) -> None:
    """
    Raises:
        UserError: as ``distances``.
    """
    learns_nothing = isinstance(G.mapping, nn.Module) and next(G.mapping.parameters(), None) is None
    if path.space == "w" and learns_nothing:
        raise UserError("path length: this model has no mapping network, so there is no w; measure it in z")


def positions(path: Path, numbers: Sequence[int], *, seed: int) -> Tensor:
    """t of the paths of these ``numbers``: [n], float64."""
    if path.ends == "end":
        return torch.zeros(len(numbers), dtype=torch.float64)
    return torch.tensor([np.random.default_rng((seed, number)).random() for number in numbers], dtype=torch.float64)


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The point at ``t`` on the straight line from ``a`` to ``b``."""
    return a + (b - a) * t


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The point at ``t`` on the arc from ``a`` to ``b``, both [..., D], seen from the origin: of length 1.

    (Shoemake 1985.) Only the directions of ``a`` and ``b`` enter. Opposite ones, which no one arc joins, give no more
    than a vector of length 1.
    """
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    cosine = (a * b).sum(dim=-1, keepdim=True)
    aside = b - cosine * a
    angle = torch.atan2(aside.norm(dim=-1, keepdim=True), cosine) * t
    return F.normalize(a * angle.cos() + F.normalize(aside, dim=-1) * angle.sin(), dim=-1)


def _along_w(G: Generator, a: Tensor, b: Tensor, c: Tensor | None, ts: Sequence[Tensor]) -> Tensor:
    """The ws on the lines at each of ``ts`` [n, 1], one behind the other: [len(ts) · n, num_ws, w_dim]."""
    start, end = G.mapping(torch.cat([a, b]), _repeat(c, 2)).chunk(2)
    return torch.cat([lerp(start, end, t[:, None]) for t in ts])


def _along_z(G: Generator, a: Tensor, b: Tensor, c: Tensor | None, ts: Sequence[Tensor]) -> Tensor:
    """As ``_along_w``, of the latents on the arcs.

    A point of an arc is given the length √z_dim, near which latents lie. Most mappings normalise, and cannot tell it
    from the published length 1; one that puts z and the label on their sphere together needs z at its usual weight.
    """
    z = torch.cat([slerp(a, b, t) for t in ts]) * math.sqrt(G.z_dim)
    return G.mapping(z, _repeat(c, len(ts)))


def _repeat(c: Tensor | None, times: int) -> Tensor | None:
    return None if c is None else c.repeat(times, 1)


def crop(images: Tensor) -> Tensor:
    """The middle of images [N, C, H, W], where FFHQ's faces are: rows 3/8 to 7/8 and columns 2/8 to 6/8."""
    height, width = images.shape[2:]
    return images[:, :, 3 * height // 8 : 7 * height // 8, 2 * width // 8 : 6 * width // 8]


def shrink(images: Tensor) -> Tensor:
    """Images [N, C, H, W] → means over squares of n × n pixels, n = longer side / 256, rounded down.

    It is the side of what is compared, after the crop, as in the programs that made the tables of the StyleGAN and
    StyleGAN2 papers: of 1024² they compare the middle 512² at 256². (StyleGAN2-ADA takes the side of the whole
    picture, and compares at 128².)
    """
    factor = max(images.shape[2:]) // SIDE
    return F.avg_pool2d(images, factor) if factor > 1 else images
