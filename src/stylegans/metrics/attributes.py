"""Binary attributes of pictures, and linear classifiers of them learnt from a labelled data set.

Linear separability (StyleGAN, section 4.2) asks classifiers what generated pictures show. The published ones judge 40
attributes of faces; of other pictures, any set will do (``AttributeClassifiers``). Those learnt here are logistic
regressions on a feature network's features: one per class against all others, or one per column of labels that say yes
or no. Separability is only as good as its classifiers, so each comes with how it does on pictures held out. Those are
real ones: of generated pictures that look otherwise a classifier may know less, and this does not show.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.data.images import LabelKind
from stylegans.errors import UserError
from stylegans.files.tensors import read_header, read_tensors, write_tensors
from stylegans.metrics.features.network import FeatureNetwork

HELD_OUT = 0.2
"""Share of the pictures that classifiers are judged by."""

PENALTY = 0.1
"""Of half the squared weights, beside the mean loss, on features whose mean variance is 1. The quality on pictures held
out changes little from 0.03 to 1 (the groups of emoji, 300 to 1,200 pictures, MobileNetV2)."""

STEPS = 500
"""Of L-BFGS, at most."""

FORMAT = "stylegans attribute classifiers 1"


class AttributeClassifiers(Protocol):
    """Pictures in, one logit per attribute out."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def __call__(self, images: Tensor, /) -> Tensor:
        """images uint8 [N, C, H, W] → logits [N, A], positive where a picture has the attribute."""
        ...


class Labelled(Protocol):
    """What is asked of a data set opened with its labels."""

    label_names: list[str] | None

    @property
    def label_kind(self) -> LabelKind: ...

    def label(self, index: int, /) -> np.ndarray:
        """float32 [c_dim]: a class as one-hot, or a vector."""
        ...


@dataclass(frozen=True)
class Targets:
    """What pictures are known to have."""

    names: tuple[str, ...]
    values: np.ndarray
    """bool [N, A]"""


@dataclass(frozen=True)
class Quality:
    """How well one classifier does on the pictures held out."""

    name: str
    positives: int
    """Pictures held out that have the attribute."""
    negatives: int
    accuracy: float
    balanced_accuracy: float
    """The mean of the two sides' accuracies: 0.5 is chance, however rare the attribute."""
    auc: float
    """How often a picture with the attribute has the higher logit than one without."""

    @property
    def is_chance(self) -> bool:
        """Whether the AUC is less than two standard deviations above that of a random order (Mann and Whitney 1947)."""
        deviation = math.sqrt((self.positives + self.negatives + 1) / (12 * self.positives * self.negatives))
        return self.auc < 0.5 + 2 * deviation


@dataclass(frozen=True, eq=False)
class LinearAttributes:
    """Classifiers that are linear in a network's features: images uint8 [N, C, H, W] → logits [N, A]."""

    network: FeatureNetwork
    weight: Tensor
    """float32 [A, dim]"""
    bias: Tensor
    """float32 [A]"""
    qualities: tuple[Quality, ...]
    left_out: tuple[str, ...]
    """Attributes that all pictures, or all but too few, have or lack: nothing to learn from."""
    data_hash: str
    """What it was learnt from."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(quality.name for quality in self.qualities)

    @property
    def no_better_than_chance(self) -> tuple[str, ...]:
        """Attributes whose classifier should not be believed."""
        return tuple(quality.name for quality in self.qualities if quality.is_chance)

    def __call__(self, images: Tensor) -> Tensor:
        return self.logits(self.network(images))

    def logits(self, features: Tensor) -> Tensor:
        """Of features [N, dim] that are known already."""
        return F.linear(features, self.weight.to(features.device), self.bias.to(features.device))

    def save(self, path: str | Path) -> None:
        """Write the classifiers, not the network, as safetensors.

        Raises:
            OSError: it cannot be written.
        """
        about = {
            "network": self.network.name,
            "qualities": [asdict(quality) for quality in self.qualities],
            "left_out": self.left_out,
            "data_hash": self.data_hash,
        }
        tensors = {"weight": self.weight, "bias": self.bias}
        write_tensors(path, tensors, metadata={"format": FORMAT, "attributes": json.dumps(about)})


def load(path: str | Path, network: FeatureNetwork) -> LinearAttributes:
    """Classifiers that were saved, on the network they were learnt on.

    Raises:
        MissingFile: there is no such file.
        UserError: it holds something else, or was learnt on another network.
    """
    metadata = read_header(path).metadata
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path}: no attribute classifiers of this version of stylegans")
    about = json.loads(metadata["attributes"])
    if about["network"] != network.name:
        raise UserError(f"{path}: learnt on the features of {about['network']}, not {network.name}; give that network")
    tensors = read_tensors(path)
    return LinearAttributes(
        network=network,
        weight=tensors["weight"],
        bias=tensors["bias"],
        qualities=tuple(Quality(**quality) for quality in about["qualities"]),
        left_out=tuple(about["left_out"]),
        data_hash=about["data_hash"],
    )


def targets(dataset: Labelled, numbers: Sequence[int] | np.ndarray) -> Targets:
    """The attributes that a data set's labels are, of its pictures ``numbers``.

    Of classes each is one, but of two the second alone, whose absence is the first. Of vectors each place is one.

    Raises:
        UserError: the set has no labels or one class, was opened without, or its vectors hold other numbers than 0 and
            1.
    """
    if not dataset.label_kind:
        raise UserError("--data: attributes are learnt from labels, and the set has none or was opened without")
    values = np.stack([dataset.label(int(index)) for index in numbers])
    names = dataset.label_names or [f"label {i}" for i in range(values.shape[1])]
    if not np.isin(values, (0, 1)).all():
        raise UserError(
            "--data: attributes are learnt from classes or from labels that hold only 0 and 1; this set's vectors hold "
            "other numbers"
        )
    if dataset.label_kind == "classes" and values.shape[1] <= 2:
        if values.shape[1] == 1:
            raise UserError("--data: attributes are learnt from labels that differ; this set has a single class")
        names, values = names[1:2], values[:, 1:]
    return Targets(tuple(names[: values.shape[1]]), values.astype(bool))


def learn(
    features: np.ndarray, targets: Targets, *, network: FeatureNetwork, data_hash: str, seed: int = 0
) -> LinearAttributes:
    """Classifiers of the attributes, from the ``features`` [N, dim] that ``network`` has of the pictures.

    A fifth of the pictures, drawn by ``seed``, are held out, never learnt from, and judge the classifiers.

    Raises:
        UserError: there is no attribute that at least one picture has and one lacks, in both parts.
    """
    order = np.random.default_rng(seed).permutation(len(features))
    held_out, shown = np.split(order, [round(HELD_OUT * len(features))])
    usable = np.logical_and(*(vary(targets.values[part]) for part in (held_out, shown)))
    if not usable.any():
        raise UserError("--data: too few pictures to learn attributes from: each needs several with and without it")
    x, y = features[shown], targets.values[shown][:, usable]
    weight, bias = logistic_regression(torch.from_numpy(x), torch.from_numpy(y))
    logits = F.linear(torch.from_numpy(features[held_out]), weight, bias).numpy()
    truth = targets.values[held_out][:, usable]
    chosen = [name for name, use in zip(targets.names, usable, strict=True) if use]
    return LinearAttributes(
        network=network,
        weight=weight.float(),
        bias=bias.float(),
        qualities=tuple(quality(name, logits[:, i], truth[:, i]) for i, name in enumerate(chosen)),
        left_out=tuple(name for name, use in zip(targets.names, usable, strict=True) if not use),
        data_hash=data_hash,
    )


def vary(values: np.ndarray) -> np.ndarray:
    """bool [N, A] → bool [A]: whether some have the attribute and some do not."""
    return np.asarray(values.any(axis=0) & ~values.all(axis=0))


def logistic_regression(x: Tensor, y: Tensor, *, penalty: float = PENALTY) -> tuple[Tensor, Tensor]:
    """Independent logistic regressions: features [N, dim], bool [N, A] → weights [A, dim], biases [A] of raw features.

    Each minimises the mean of −log p(yᵢ | xᵢ), where the two sides of the attribute weigh the same however many
    pictures each has, plus penalty/2 |w|² for features of zero mean and a mean variance of 1. The sides' equal weights
    put the boundary in the middle of a rare class and the rest, instead of so far away that hardly a picture has it.

    All features are scaled alike. Scaled each to unit variance, those that are nearly 0 in all real pictures would be
    magnified, and decide about generated pictures, in which they are not.
    """
    variance, mean = torch.var_mean(x, dim=0, correction=0)
    scale = variance.mean().sqrt() if variance.any() else torch.ones((), dtype=x.dtype)
    standard = (x - mean) / scale
    sign = 2 * y.to(x.dtype) - 1
    share = y.to(x.dtype).mean(dim=0)
    weights = torch.where(y, 0.5 / share, 0.5 / (1 - share)) / len(x)
    weight = torch.zeros(y.shape[1], x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(y.shape[1], dtype=x.dtype, requires_grad=True)
    lbfgs = torch.optim.LBFGS(
        [weight, bias], max_iter=STEPS, tolerance_grad=1e-6, tolerance_change=1e-9, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        lbfgs.zero_grad()
        value = (weights * F.softplus(-sign * F.linear(standard, weight, bias))).sum() + penalty / 2 * (weight**2).sum()
        value.backward()
        return value

    with torch.enable_grad():
        lbfgs.step(loss)
    raw = weight.detach() / scale
    return raw, bias.detach() - raw @ mean


def quality(name: str, logits: np.ndarray, y: np.ndarray) -> Quality:
    """Of one classifier: its logits [N], and bool [N] what the pictures have, some but not all of them."""
    right = (logits > 0) == y
    return Quality(
        name=name,
        positives=int(y.sum()),
        negatives=int((~y).sum()),
        accuracy=float(right.mean()),
        balanced_accuracy=float((right[y].mean() + right[~y].mean()) / 2),
        auc=area_under_curve(logits, y),
    )


def area_under_curve(logits: np.ndarray, y: np.ndarray) -> float:
    """The share of pairs of one with and one without in which the first has the higher logit; equal ones count half."""
    without = np.sort(logits[~y])
    below, up_to = (np.searchsorted(without, logits[y], side=side) for side in ("left", "right"))
    return float((below + up_to).mean() / (2 * len(without)))
