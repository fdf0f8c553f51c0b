"""What the guard sees: signals of a training that need no eyes. What they mean is ``runs/guard.py``.

One look draws some generated pictures and asks how varied they are, how often they repeat each other, and how far they
are from the real ones. One small network answers all three, so that a look at 200 pictures of 32² takes about a
second of one processor.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.data.pipeline import to_float
from stylegans.files.pictures import PNG_CHANNELS
from stylegans.metrics.diversity import Spread
from stylegans.metrics.features import lpips
from stylegans.metrics.frechet import frechet_distance, statistics
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.sampling import Sampling, pictures
from stylegans.networks.base import GeneratorNetwork
from stylegans.networks.pyramid import at_lod, lod_of
from stylegans.runs.guard import Signals

SIDE = 64
"""Larger pictures are shrunk to this shorter side: a collapse shows at any size, and a look costs the same."""

GLANCE = 4
"""The raw generator is measured on so many times fewer pictures than the averaged one."""

FEWEST = 2
"""Pictures that make a pair."""

FEWEST_COMPARED = 8
"""Pictures whose nearest neighbours say something."""

BATCH = 50


@dataclass(frozen=True)
class Seen:
    """Some pictures, as the guard sees them."""

    variety: float
    """Mean LPIPS between pairs of them."""
    summaries: np.ndarray
    """[N, dim]: for each, the means of AlexNet's last convolution over the picture."""

    def repetition(self, count: int) -> float:
        """The median, over the first ``count`` pictures, of the distance to the one of them most like it."""
        x = torch.from_numpy(self.summaries[:count])
        distances: Tensor = torch.cdist(x, x).fill_diagonal_(torch.inf)
        return distances.min(dim=1).values.median().item()


class Observer:
    """Looks at a training from time to time. What it knows of the real pictures it works out once.

    Pictures of other than 1, 3 or 4 channels, which networks for colour pictures cannot be shown, are compared by
    their pixels, and have no distance.
    """

    def __init__(self, reals: RealFeatures, *, channels: int, num: int, seed: int, device: torch.device) -> None:
        """``num``: generated pictures per look, and at most so many real ones beside them."""
        self.reals, self.num, self.seed, self.device = reals, num, seed, device
        self._network = lpips.load(device=device) if channels in PNG_CHANNELS else None
        self._real: dict[float, Seen] = {}

    @torch.no_grad()
    def look(
        self,
        generator_ema: GeneratorNetwork,
        generator: GeneratorNetwork,
        *,
        images: int,
        averages: Mapping[str, float],
    ) -> Signals:
        """Measure now. The training is not disturbed: no network changes, and none of its random numbers is drawn.

        Args:
            generator: the one in training: a collapse shows in it before its average.
            images: real pictures the training has seen.
            averages: means of the losses and statistics since the last tick.
        """
        lod = lod_of(generator_ema)
        real, whole = self.real(lod), self.real(0.0)
        averaged = self.see(self.generated(generator_ema, self.num))
        with evaluating(generator):
            raw = self.see(self.generated(generator, max(self.num // GLANCE, FEWEST)))
        return Signals(
            images=images,
            lod=lod,
            diversity=ratio(averaged.variety, real.variety),
            diversity_raw=ratio(raw.variety, real.variety),
            nearest=self.nearest(averaged, real),
            distance=self.distance(averaged, whole),
            averages=dict(averages),
        )

    def generated(self, generator: GeneratorNetwork, num: int) -> Iterator[Tensor]:
        """Images [N, C, H, W] in [-1, 1], in batches; of the same latents at every look."""
        labels = self.reals.labels(num, c_dim=generator.c_dim, seed=self.seed) if generator.c_dim else None
        for _, images in pictures(generator, Sampling(num, self.seed, BATCH, labels)):
            yield to_float(images)

    def real(self, lod: float) -> Seen:
        """The real pictures, as detailed as a growing network can draw them at ``lod``."""
        if lod not in self._real:
            whole = {0.0: self._real[0.0]} if 0.0 in self._real else {}  # a fade passes through many others
            self._real = whole | {lod: self.see(at_lod(images, lod) for images in self.real_images())}
        return self._real[lod]

    def real_images(self) -> Iterator[Tensor]:
        """Images [N, C, H, W] in [-1, 1], in batches: all of the set's, or ``num``, in an order drawn by the seed."""
        chosen = np.random.default_rng(self.seed).permutation(self.reals.count)[: self.num]
        for start in range(0, len(chosen), BATCH):
            images = [self.reals.dataset.image(int(index)) for index in chosen[start : start + BATCH]]
            yield to_float(torch.from_numpy(np.stack(images)).to(self.device))

    def see(self, batches: Iterator[Tensor]) -> Seen:
        """Images [N, C, H, W] in [-1, 1], in batches → what there is to know of them."""
        spread, summaries = Spread(), []
        for images in batches:
            small = shrink(images)
            if self._network is None:
                vectors = summary = small.flatten(1)
            else:
                layers = self._network.activations(small)
                vectors, summary = self._network.weighted(layers), layers[-1].mean(dim=(2, 3))
            spread.update(vectors)
            summaries.append(summary.cpu().double().numpy())
        return Seen(variety=spread.mean(), summaries=np.concatenate(summaries))

    def nearest(self, generated: Seen, real: Seen) -> float | None:
        """How near to each other the most alike pictures are, beside the real ones; None: there are too few of those.

        A perfect generator of a small set draws some of its pictures twice. So only a quarter as many are compared as
        the set has: then most of them stand alone.
        """
        count = min(self.num, self.reals.count // 4)
        return ratio(generated.repetition(count), real.repetition(count)) if count >= FEWEST_COMPARED else None

    def distance(self, generated: Seen, real: Seen) -> float | None:
        """The Fréchet distance of the summaries; None where there is no network to make them."""
        if self._network is None:
            return None
        return frechet_distance(statistics(generated.summaries), statistics(real.summaries))


def shrink(images: Tensor) -> Tensor:
    """Images [N, C, H, W] with a shorter side of at most ``SIDE`` pixels."""
    height, width = images.shape[2:]
    factor = SIDE / min(height, width)
    if factor >= 1:
        return images
    size = (round(height * factor), round(width * factor))
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


def ratio(generated: float, real: float) -> float:
    """How much of the real pictures' measure the generated ones have; 1 where the real ones have none of it."""
    return generated / real if real > 0 else 1.0


@contextmanager
def evaluating(network: GeneratorNetwork) -> Iterator[None]:
    """A network in training as it would be used: no dropout, and batch normalisation by its running means."""
    was = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was)
