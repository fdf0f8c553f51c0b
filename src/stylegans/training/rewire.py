"""What is built in another way than in the source: deeper mappings, residual wiring, other labels."""

import math
from typing import Any, cast

import torch
from torch import Tensor

from stylegans.networks.base import DiscriminatorNetwork
from stylegans.training.sites import Fate, Match, wiring
from stylegans.training.surgery import keep_variance, overlap

HEADROOM = 4.0
"""What the first new mapping layer adds to its input, so that the rectifiers let all of it pass."""

SILENT = Fate("fresh", "shortcuts silent at first")


def deepen(match: Match) -> None:
    """New layers of a deeper mapping network pass on what they get; they stand before the last layer.

    The first adds ``HEADROOM``, so that what it gets is positive and no rectifier bends it, and the last layer's bias
    takes it away again. Exact where no input is below -``HEADROOM``. A shallower network has the source's first
    layers and its last one.
    """
    new, old = (list(getattr(getattr(side, "mapping", None), "layers", ())) for side in (match.new, match.old))
    if not old or len(new) <= len(old):
        return
    for i, layer in enumerate(new[len(old) - 1 : -1]):
        gain = math.sqrt(2) if layer.activation == "lrelu" else 1.0  # that of the rectifier behind the layer
        layer.weight.zero_().fill_diagonal_(1 / (layer.weight_gain * gain))
        layer.bias.fill_(HEADROOM / (layer.bias_gain * gain) if i == 0 else 0)
        match.say(f"mapping.layers.{len(old) - 1 + i}", Fate("fresh", "new layers pass on what they get"))
    last = new[-1]
    last.bias.sub_(last.weight.sum(dim=1) * (HEADROOM * last.weight_gain / last.bias_gain))


def rewire(match: Match) -> None:
    """To residual wiring from another: the shortcuts are silent, and the sum's factor of √½ is made up for.

    The discriminator's convolutions do so, which rectifiers let through. The generator's are demodulated and cannot:
    there noise and biases are scaled like the input of their layer, so that the last features are the source's, only
    smaller, and to-RGB is enlarged instead.
    """
    if wiring(match.new) != "resnet" or wiring(match.old) == "resnet":
        return
    scale = 1.0
    for level in match.common:
        shortcut = match.news.get(f"{level}.skip")
        if shortcut is None:
            continue
        shortcut.module.weight.zero_()
        match.say(f"{level}.skip", SILENT)
        conv0, conv1 = (match.news[f"{level}.{name}"].module for name in ("conv0", "conv1"))
        if isinstance(match.new, DiscriminatorNetwork):
            conv1.weight.mul_(math.sqrt(2))
            conv1.bias.mul_(math.sqrt(2))
            continue
        for conv in (conv0, conv1):
            conv.bias.mul_(scale)
            if conv.noise is not None:
                conv.noise.noise_strength.mul_(scale)
        scale *= math.sqrt(0.5)
    top = f"{match.new_levels[-1]}.to_rgb"
    if top in match.news and top in match.olds:
        match.news[top].module.weight.div_(scale)


def relabel(match: Match) -> None:
    """Where a discriminator's labels or their reading differ, any label has the score of the source's average one.

    Exact for the average of the new labels; for each where there is a score per label.
    """
    new, old = cast(Any, match.new), cast(Any, match.old)
    place = f"{match.new_levels[0]}.epilogue.out"
    if place not in match.olds:
        return
    out, source = new.epilogue.out, old.epilogue.out
    if head(new) == head(old):
        width, before = out.weight.shape[0], source.weight.shape[0]
        if width != before:  # a projection is divided by √width, and nothing is projected on its new places yet
            for tensor in (out.weight, out.bias):
                tensor.mul_(math.sqrt(width / before))
                tensor[before:] = 0
        return
    weight, bias = average_score(old)
    columns = overlap([out.weight.shape[1]], [weight.shape[1]])
    row = torch.zeros(1, out.weight.shape[1]).to(weight)
    scale = source.weight_gain / out.weight_gain * keep_variance(columns)
    row[:, columns.new] = weight[:, columns.old] * scale
    spread = label_spread(new)
    out.weight.copy_(spread * row)
    out.bias.copy_(spread[:, 0] * bias)
    match.say(place, Fate("adapted", "any label begins with the score of the source's average label"))


def head(network: Any) -> tuple[int, str]:
    """How many labels there are, and how the score is made of them; the growing discriminator selects."""
    return network.c_dim, getattr(network.config, "label_head", "select") if network.c_dim else ""


def projection(network: Any) -> Tensor | None:
    """The average label's vector that scores are projected on, over √width: ``[out, 1]``; None without projection."""
    if not network.c_dim or head(network)[1] != "projection":
        return None
    weight = network.epilogue.out.weight
    labels = torch.eye(network.c_dim, device=weight.device)
    mean: Tensor = network.mapping(None, labels)[:, 0].mean(dim=0)
    return mean[:, None] / math.sqrt(weight.shape[0])


def average_score(network: Any) -> tuple[Tensor, Tensor]:
    """The weights ``[1, hidden]`` and bias ``[1]`` of a last layer that gives the average label's score."""
    out, mean = network.epilogue.out, projection(network)
    if mean is not None:
        return mean.t() @ out.weight, mean.t() @ out.bias
    return out.weight.mean(dim=0, keepdim=True), out.bias.mean(dim=0, keepdim=True)


def label_spread(network: Any) -> Tensor:
    """``[out, 1]``: how a score must stand in the last layer's outputs to be the average label's."""
    mean = projection(network)
    return torch.ones_like(network.epilogue.out.bias)[:, None] if mean is None else mean / mean.square().sum()
