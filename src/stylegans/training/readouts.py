"""New finest levels, and levels that must draw or read alone: they begin as near to the source as they can.

A skip generator starts exactly as the enlarged picture of its source, because the pictures of new levels are zero; a
skip discriminator as the score of the shrunk picture. Where a level draws or reads alone, what it draws or reads is
fitted to the source by least squares.
"""

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegans.networks.pyramid import lod_of, set_lod
from stylegans.nn.modulated import ToRGB
from stylegans.ops.activation import ACTIVATIONS, LEAK
from stylegans.training.adapt import brings_offset, seen
from stylegans.training.sites import Fate, Match, wiring
from stylegans.training.surgery import Recolor, graft_vector, overlap, recolor

PICTURES, PER_BATCH = 32, 4
"""Of the source, to which to-RGB layers are fitted."""

COLORS = 512
"""Flat pictures, to which what reads them is fitted."""

RIDGE = 1e-3
"""Penalty on fitted weights, as a share of their inputs' mean square."""


# --- the generator --------------------------------------------------------------------------------------------------


def draw(match: Match) -> None:
    """To-RGB layers for which the source has none that draws the same.

    Skip wiring: each adds to the picture below, so it starts at zero, but for the one that draws the source's whole
    picture. Elsewhere each draws a whole picture, and is fitted.
    """
    if not match.common:
        return
    after, before = wiring(match.new), wiring(match.old)
    places = [place for place in match.news if place.endswith(".to_rgb")]
    same_features = not (before == "resnet" and after != "resnet")  # without their shortcuts they are others
    kept = {place for place in places if place in match.olds and same_features}
    if after == "skip" and before != "skip":
        alone = f"{match.common[-1]}.to_rgb"
        kept &= {alone}
        fitted = [] if kept else [alone]
    elif after == "skip":
        fitted = []
    else:
        kept = set() if before == "skip" else kept
        fitted = [place for place in places if place not in kept]
    for place in places:
        if place not in kept and place not in fitted:
            silence(match, place)
    if fitted:
        fit_to_rgb(match, fitted)


def silence(match: Match, place: str) -> None:
    """A picture of zeros, or of alpha's offset."""
    to_rgb = match.news[place].module
    to_rgb.weight.zero_()
    to_rgb.bias.zero_()
    if brings_offset(match.new, place):
        to_rgb.bias.add_(_colors(match).to(to_rgb.bias).offset)
    match.say(place, Fate("fresh", "adds nothing to the picture at first"))


def fit_to_rgb(match: Match, places: list[str]) -> None:
    """The to-RGB layers that come nearest the source's pictures at their sizes for the same w, without a style yet."""
    sums: dict[str, Tensor] = {}
    for images, features in _pictures(match, places):
        for place in places:
            x = features[place]
            y = F.interpolate(images, size=x.shape[2:], mode="bilinear", antialias=True)
            joint = torch.cat([x, torch.ones_like(x[:, :1]), y], dim=1).movedim(1, -1).flatten(0, 2)
            sums[place] = sums.get(place, 0) + (joint.t() @ joint).cpu().double()  # not every GPU has float64
    for place in places:
        to_rgb = match.news[place].module
        weight, bias = solve(sums[place], outputs=match.new.img_channels)
        to_rgb.weight.copy_(weight[:, :, None, None] / to_rgb.weight_gain)
        to_rgb.bias.copy_(bias)
        fate = Fate("fresh", "fitted to the source's pictures")
        match.say(place, fate)
        if isinstance(to_rgb, ToRGB):
            to_rgb.affine.weight.zero_()
            to_rgb.affine.bias.fill_(1)
            match.say(f"{place}.affine", fate)


def _pictures(match: Match, places: list[str]) -> Any:
    """The source's pictures ``[n, img, H, W]`` in the new channels, and the new network's features at ``places``."""
    old, new = cast(Any, match.old), cast(Any, match.new)
    features: dict[str, Tensor] = {}

    def keep(place: str) -> Any:
        return lambda _module, _inputs, x: features.__setitem__(place, x.float())

    blocks = {place: new.get_submodule(match.news[place].name.rpartition(".")[0]) for place in places}
    hooks = [block.register_forward_hook(keep(place)) for place, block in blocks.items()]
    device = next(new.parameters()).device
    random = torch.Generator().manual_seed(0)
    widths = overlap([new.w_dim], [old.w_dim])
    stage = lod_of(new)
    set_lod(new, 0)
    try:
        for _ in range(PICTURES // PER_BATCH):
            z = torch.randn(PER_BATCH, old.z_dim, generator=random).to(device)
            c = None
            if old.c_dim:
                c = torch.eye(old.c_dim)[torch.randint(old.c_dim, [PER_BATCH], generator=random)].to(device)
            w = old.mapping(z, c)[:, 0]
            fitted = w.new_zeros(PER_BATCH, new.w_dim)
            fitted[:, widths.new] = w[:, widths.old]
            images = old.synthesis(w[:, None].expand(-1, old.num_ws, -1))
            colors = _colors(match).to(images)
            new.synthesis(fitted[:, None].expand(-1, new.num_ws, -1))
            yield torch.einsum("ts,nshw->nthw", colors.matrix, images) + colors.offset[:, None, None], features
    finally:
        set_lod(new, stage)
        for hook in hooks:
            hook.remove()


def _colors(match: Match) -> Recolor:
    return recolor(old=match.old.img_channels, new=match.new.img_channels)


def solve(products: Tensor, *, outputs: int) -> tuple[Tensor, Tensor]:
    """Ridge regression from the sums of products of (inputs, 1, outputs): weights ``[out, in]``, bias ``[out]``."""
    inputs = products.shape[0] - outputs - 1
    xx, xy = products[: inputs + 1, : inputs + 1].clone(), products[: inputs + 1, inputs + 1 :]
    penalty = RIDGE * xx.diagonal()[:-1].mean() + 1e-12
    xx.diagonal()[:-1] += penalty
    solution = torch.linalg.solve(xx, xy).t().float()
    return solution[:, :-1], solution[:, -1]


# --- the discriminator ----------------------------------------------------------------------------------------------


def read(match: Match) -> None:
    """From-RGB layers for which the source has none that reads the same, and the levels above the source's.

    Skip wiring: each adds to the features above, so that it starts at zero, but for the one that reads the source's
    whole picture; and what comes from new levels starts at zero. Elsewhere the finest level reads alone.
    """
    if not match.common:
        return
    alone, top = match.common[-1], match.new_levels[-1]
    source_reads_alone = wiring(match.old) != "skip"
    if wiring(match.new) == "skip":
        for level in match.new_levels:
            if level > match.old_levels[-1]:
                hush(match, level)
            elif level != alone and source_reads_alone:
                layer = match.news[f"{level}.from_rgb"].module
                layer.weight.zero_()
                layer.bias.zero_()
                match.say(f"{level}.from_rgb", Fate("fresh", "reads nothing at first"))
    elif alone == match.old_levels[-1]:
        carry_up(match)
    if alone == top and f"{top}.from_rgb" not in match.olds and top < match.old_levels[-1]:
        fit_from_rgb(match, top)


def hush(match: Match, level: int) -> None:
    """What a new level passes down is zero."""
    conv = match.news[f"{level}.conv1"].module
    conv.weight.zero_()
    conv.bias.zero_()
    match.say(f"{level}.conv1", Fate("fresh", "passes nothing down at first"))


def carry_up(match: Match) -> None:
    """New levels above the source's that hand down what its finest level read from the picture itself.

    From the source's finest level upwards, each new one reads like the first channels of the one below. Residual
    wiring: the convolutions are silent, and the shortcut is fitted to give, from what is read here, what was read
    below. Other wirings: the first convolution passes on what it gets and the second is fitted. Fitted on flat
    pictures; exact where a level is as wide as the one below.
    """
    source = match.olds[f"{match.old_levels[-1]}.from_rgb"].module
    weight, bias = seen(source, old_channels=match.old.img_channels, new_channels=match.new.img_channels)
    weight, bias = _widen(weight * source.weight_gain, bias, _width_at(match, match.common[-1]))
    random = torch.Generator().manual_seed(0)
    colors = (torch.rand(COLORS, match.new.img_channels, generator=random) * 2 - 1).to(weight)
    gain = ACTIVATIONS[source.activation].gain
    for level in [level for level in match.new_levels if level > match.old_levels[-1]]:
        below = colors @ weight.t() + bias  # before the rectifier
        weight, bias = _widen(weight, bias, _width_at(match, level))
        here = gain * F.leaky_relu(colors @ weight.t() + bias, LEAK)
        conv0, conv1 = (match.news[f"{level}.{name}"].module for name in ("conv0", "conv1"))
        fate = Fate("fresh", "hands down what the source's finest level read")
        if wiring(match.new) == "resnet":
            shortcut = match.news[f"{level}.skip"].module
            fitted, _ = _fit(here * math.sqrt(0.5), gain * F.leaky_relu(below, LEAK), with_bias=False)
            shortcut.weight.copy_(fitted[:, :, None, None] / shortcut.weight_gain)
            conv1.weight.zero_()
            conv1.bias.zero_()
        else:
            conv0.weight.zero_()
            conv0.weight[:, :, 1, 1].fill_diagonal_(1 / (conv0.weight_gain * gain))
            conv0.bias.zero_()
            fitted, offset = _fit(F.leaky_relu(here, LEAK), below, with_bias=True)
            conv1.weight.zero_()
            conv1.weight[:, :, 1, 1] = fitted / conv1.weight_gain
            conv1.bias.copy_(offset)
        for name in ("conv0", "conv1", "skip", "from_rgb"):
            if f"{level}.{name}" in match.news:
                match.say(f"{level}.{name}", fate)
        if f"{level}.from_rgb" in match.news:
            layer = match.news[f"{level}.from_rgb"].module
            layer.weight.copy_(weight[:, :, None, None] / layer.weight_gain)
            layer.bias.copy_(bias)


def fit_from_rgb(match: Match, level: int) -> None:
    """From-RGB of a level below the source's finest, which alone reads there: fitted to what reached that level.

    On flat pictures: what the dropped levels made of edges is lost.
    """
    old = cast(Any, match.old)
    dropped = match.old_levels.index(match.old_levels[-1]) - match.old_levels.index(level)
    layer = match.news[f"{level}.from_rgb"].module
    random = torch.Generator().manual_seed(0)
    colors = (torch.rand(COLORS, match.new.img_channels, generator=random) * 2 - 1).to(layer.weight)
    shown = recolor(old=match.new.img_channels, new=old.img_channels).to(colors)
    side = 8 << dropped  # so that the middle of the features sees no border
    features = []
    for part in (colors @ shown.matrix.t() + shown.offset).split(max(COLORS >> 2 * dropped, 1)):
        x = old.blocks[0].read(part[:, :, None, None].expand(-1, -1, side, side))
        for block in old.blocks[:dropped]:
            x = block(x)
        features.append(x[:, :, 4, 4].float())
    gain = ACTIVATIONS[layer.activation].gain
    reached = torch.cat(features) / gain
    fitted, offset = _fit(colors, torch.where(reached < 0, reached / LEAK, reached), with_bias=True)
    rows = overlap([layer.weight.shape[0]], [fitted.shape[0]])
    layer.weight.copy_(graft_vector(layer.weight, fitted[:, :, None, None], rows, scale=1 / layer.weight_gain))
    layer.bias.copy_(graft_vector(layer.bias, offset, rows))
    match.say(f"{level}.from_rgb", Fate("fresh", "fitted to what the dropped levels made of flat colours"))


def _fit(x: Tensor, y: Tensor, *, with_bias: bool) -> tuple[Tensor, Tensor]:
    """Least squares y ≈ x · weightᵀ + bias, the smallest of equally good weights."""
    full = torch.cat([x, torch.ones_like(x[:, :1])], dim=1) if with_bias else x
    solution = (torch.linalg.pinv(full.cpu().double(), rtol=1e-6) @ y.cpu().double()).t().to(y)
    return (solution[:, :-1], solution[:, -1]) if with_bias else (solution, solution.new_zeros(solution.shape[0]))


def _width_at(match: Match, level: int) -> int:
    """Channels of what is read at ``level``."""
    conv = match.news.get(f"{level}.conv0") or match.news[f"{level}.epilogue.conv"]
    weight: Tensor = conv.module.weight
    return weight.shape[1] if f"{level}.conv0" in match.news else weight.shape[0]


def _widen(weight: Tensor, bias: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The first ``width`` channels; those beyond the source's are drawn anew, as large as the others."""
    rows = overlap([width], [weight.shape[0]])
    random = torch.Generator().manual_seed(weight.shape[0])
    fresh = torch.randn(width, weight.shape[1], generator=random).to(weight) * weight.square().mean().sqrt()
    return graft_vector(fresh, weight, rows), graft_vector(bias.new_zeros(width), bias, rows)
