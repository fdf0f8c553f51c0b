"""One layer from its counterpart, which may be wider, narrower, on another base grid or for other pictures.

Every function changes the new network's module at ``place`` and notes what it did. Equalised layers are rescaled to
their new fan-in, so that a kept output makes of the kept inputs what it made of them.
"""

from typing import Any, cast

import torch
from torch import Tensor

from stylegans.config import ProGAN
from stylegans.config.sizes import format_size
from stylegans.networks.mapping import LabelEmbedding, LatentMapping
from stylegans.nn.equalized import EqualizedConv2d, EqualizedLinear
from stylegans.nn.inputs import ConstantInput, DenseInput
from stylegans.nn.modulated import StyledConv, ToRGB
from stylegans.nn.noise import NoiseInput
from stylegans.nn.normalization import AdaIN
from stylegans.training.sites import Fate, Match, Network, level_of, level_places, wiring
from stylegans.training.surgery import (
    drawn_in,
    graft_matrix,
    graft_vector,
    keep_variance,
    overlap,
    recolor,
    resample_grid,
    seen_in,
)


def adapt(match: Match, place: str) -> None:
    """Start the module at ``place``, which both networks have, from the source's."""
    old, new = match.olds[place].module, match.news[place].module
    if type(old) is not type(new):
        match.say(place, Fate("fresh", "made in another way in the source"))
    elif place.endswith(".to_rgb"):
        adapt_to_rgb(match, place, old, new)
    elif place.endswith(".from_rgb"):
        adapt_from_rgb(match, place, old, new)
    elif place.endswith(".epilogue.fc"):
        adapt_first_dense(match, place, old, new)
    elif isinstance(new, (EqualizedConv2d, StyledConv)):
        adapt_conv(match, place, old, new)
    elif place == "mapping.embed":
        adapt_embedding(match, place, old, new)
    elif isinstance(new, EqualizedLinear):
        adapt_linear(match, place, old, new)
    elif isinstance(new, NoiseInput):
        adapt_noise(match, place, old, new)
    elif isinstance(new, DenseInput):
        adapt_dense_input(match, place, old, new)
    elif isinstance(new, ConstantInput):
        constant = resample_grid(old.const, size_of(new.const))
        rows = overlap([constant_width(new)], [constant_width(old)])
        new.const.copy_(graft_vector(new.const, constant, rows))
        match.say(place, verdict(rows.how("channels"), regridded(old.const, new.const)))
    elif isinstance(new, LatentMapping):
        columns = overlap([new.w_dim], [old.w_dim])
        new.w_avg.copy_(graft_vector(new.w_avg, old.w_avg, columns))
        match.say(place, verdict(columns.how("of w")))
    else:  # a layer of StyleGAN, which itself holds its bias
        rows = overlap([new.bias.shape[0]], [old.bias.shape[0]])
        new.bias.copy_(graft_vector(new.bias, old.bias, rows))
        match.say(place, verdict(rows.how("channels")))


# --- convolutions and dense layers ----------------------------------------------------------------------------------


def adapt_conv(match: Match, place: str, old: EqualizedConv2d | StyledConv, new: EqualizedConv2d | StyledConv) -> None:
    """[O, I, k, k]. A styled layer's weights have no gain: demodulation takes any scale out."""
    rows = overlap([new.weight.shape[0]], [old.weight.shape[0]])
    columns = overlap(*(conv_inputs(side, place, m.weight) for side, m in ((match.new, new), (match.old, old))))
    scale = 1.0
    if isinstance(new, EqualizedConv2d) and isinstance(old, EqualizedConv2d):
        scale = old.weight_gain / new.weight_gain * keep_variance(columns)
    new.weight.copy_(graft_matrix(new.weight, old.weight, rows, columns, scale=scale))
    if new.bias is not None and old.bias is not None:
        new.bias.copy_(graft_vector(new.bias, old.bias, rows))
    match.say(place, verdict(rows.how("channels"), columns.how("channels")))


def conv_inputs(network: Network, place: str, weight: Tensor) -> list[int]:
    """Features, and behind them the minibatch's standard deviations where the layer reads some."""
    extra = cast(Any, network.config).mbstd_channels if place.endswith(".epilogue.conv") else 0
    return [weight.shape[1] - extra, extra]


def adapt_linear(match: Match, place: str, old: EqualizedLinear, new: EqualizedLinear) -> None:
    """[O, I]. AdaIN's outputs are scales, and behind them shifts; z's layer reads z, and behind it the label."""
    halves = 2 if isinstance(parent(match, place), AdaIN) else 1
    rows = overlap(*([m.weight.shape[0] // halves] * halves for m in (new, old)))
    columns = overlap(*(linear_inputs(side, m) for side, m in ((match.new, new), (match.old, old))))
    scale = old.weight_gain / new.weight_gain * keep_variance(columns)
    new.weight.copy_(graft_matrix(new.weight, old.weight, rows, columns, scale=scale))
    new.bias.copy_(graft_vector(new.bias, old.bias, rows, scale=old.bias_gain / new.bias_gain))
    match.say(place, verdict(rows.how("channels"), columns.how("inputs")))


def linear_inputs(network: Network, layer: EqualizedLinear) -> list[int]:
    """What the layer reads: latent and label if it is the mapping network's first."""
    width = layer.weight.shape[1]
    layers = getattr(getattr(network, "mapping", None), "layers", None)
    if layers and layer is layers[0]:
        z_dim: int = cast(Any, network).mapping.z_dim
        return [z_dim, width - z_dim]
    return [width]


def adapt_first_dense(match: Match, place: str, old: EqualizedLinear, new: EqualizedLinear) -> None:
    """The discriminator's dense layer on the base grid, [out, C·h·w], as maps [out, C, h, w] for another grid.

    They are scaled by (h·w before) / (h·w after): a flat feature map gives the output it gave.
    """
    after, before = (cast(Any, side.config).base for side in (match.new, match.old))
    fresh, maps = new.weight.unflatten(1, (-1, *after)), old.weight.unflatten(1, (-1, *before))
    rows = overlap([fresh.shape[0]], [maps.shape[0]])
    columns = overlap([fresh.shape[1]], [maps.shape[1]])
    scale = old.weight_gain / new.weight_gain * keep_variance(columns)
    scale *= before[0] * before[1] / (after[0] * after[1])
    new.weight.copy_(
        graft_matrix(fresh, keep_mean(resample_grid(maps, after), maps), rows, columns, scale=scale).flatten(1)
    )
    new.bias.copy_(graft_vector(new.bias, old.bias, rows))
    match.say(place, verdict(columns.how("channels"), regridded(maps, fresh)))


def keep_mean(resampled: Tensor, maps: Tensor) -> Tensor:
    """Shifted to the mean of each map, which is what a flat input sees of it."""
    if size_of(resampled) == size_of(maps):
        return maps
    return resampled + maps.mean(dim=(-2, -1), keepdim=True) - resampled.mean(dim=(-2, -1), keepdim=True)


# --- what the pyramid starts from -----------------------------------------------------------------------------------


def adapt_dense_input(match: Match, place: str, old: DenseInput, new: DenseInput) -> None:
    """[C, h, w, in]: every pixel has weights of its own, resampled between the source's; the gain counts the pixels."""
    fresh, maps = new.weight.permute(0, 3, 1, 2), old.weight.permute(0, 3, 1, 2)
    rows = overlap([fresh.shape[0]], [maps.shape[0]])
    inputs = [[fresh.shape[1]], [maps.shape[1]]]
    if isinstance(match.new.config, ProGAN) and isinstance(match.old.config, ProGAN):
        labels = match.new.config.c_dim, match.old.config.c_dim
        kept = labels[1] if labels[0] == labels[1] else 0  # other labels are not the source's
        inputs = [[match.new.config.z_dim, labels[0]], [match.old.config.z_dim, kept]]
    columns = overlap(*inputs)
    scale = old.weight_gain / new.weight_gain * keep_variance(columns)
    grafted = graft_matrix(fresh, resample_grid(maps, size_of(fresh)), rows, columns, scale=scale)
    new.weight.copy_(grafted.permute(0, 2, 3, 1))
    if new.bias is not None and old.bias is not None:
        new.bias.copy_(graft_vector(new.bias, old.bias, rows))
    match.say(place, verdict(rows.how("channels"), columns.how("inputs"), regridded(maps, fresh)))


def adapt_noise(match: Match, place: str, old: NoiseInput, new: NoiseInput) -> None:
    """Strengths are kept; the stored maps are where they have the same size."""
    if new.noise_strength.ndim:
        rows = overlap([new.noise_strength.shape[0]], [old.noise_strength.shape[0]])
        new.noise_strength.copy_(graft_vector(new.noise_strength, old.noise_strength, rows))
        match.say(place, verdict(rows.how("channels")), "noise_strength")
    else:
        new.noise_strength.copy_(old.noise_strength)
        match.say(place, Fate("copied"), "noise_strength")
    if old.noise_const.shape == new.noise_const.shape:
        new.noise_const.copy_(old.noise_const)
        match.say(place, Fate("copied"), "noise_const")
    else:
        match.say(place, Fate("fresh", "noise maps fresh"), "noise_const")


def adapt_embedding(
    match: Match, place: str, old: LabelEmbedding | EqualizedLinear, new: LabelEmbedding | EqualizedLinear
) -> None:
    """[c, embed] (StyleGAN), or [embed, c] (StyleGAN2-ADA). Another number of labels is other labels."""
    after, before = match.new.c_dim, match.old.c_dim
    if after != before:
        match.say(place, Fate("fresh", f"{before} labels in the source"))
    elif isinstance(new, EqualizedLinear) and isinstance(old, EqualizedLinear):
        adapt_linear(match, place, old, new)
    else:
        columns = overlap([new.weight.shape[1]], [old.weight.shape[1]])
        new.weight.copy_(graft_vector(new.weight.t(), old.weight.t(), columns).t())
        match.say(place, verdict(columns.how("channels")))


# --- pictures -------------------------------------------------------------------------------------------------------


def adapt_to_rgb(match: Match, place: str, old: ToRGB | EqualizedConv2d, new: ToRGB | EqualizedConv2d) -> None:
    """[img, C, 1, 1]: draws the source's picture in the new channels."""
    assert new.bias is not None  # these layers always have one
    assert old.bias is not None
    after, before = match.new.img_channels, match.old.img_channels
    colors = recolor(old=before, new=after).to(old.weight)
    columns = overlap([new.weight.shape[1]], [old.weight.shape[1]])
    mixed = torch.einsum("ts,schw->tchw", colors.matrix, old.weight)
    weight = torch.zeros_like(new.weight)
    weight[:, columns.new] = mixed[:, columns.old] * (old.weight_gain / new.weight_gain * keep_variance(columns))
    new.weight.copy_(weight)
    new.bias.copy_(colors.matrix @ old.bias)
    if brings_offset(match.new, place):
        new.bias.add_(colors.offset)
    match.say(place, verdict(columns.how("channels"), drawn_in(old=before, new=after)))


def brings_offset(generator: Network, place: str) -> bool:
    """Whether the layer that draws at ``place`` makes alpha opaque.

    The pictures of a skip generator's levels are summed, so that only one of them may: the finest, whose picture is
    not enlarged, which would darken its border.
    """
    return wiring(generator) != "skip" or level_of(place) == level_places(generator)[-1]


def adapt_from_rgb(match: Match, place: str, old: EqualizedConv2d, new: EqualizedConv2d) -> None:
    """[C, img, 1, 1]: sees the new picture as the source would have been shown it."""
    assert new.bias is not None  # these layers always have one
    after, before = match.new.img_channels, match.old.img_channels
    weight, bias = seen(old, old_channels=before, new_channels=after)
    rows = overlap([new.weight.shape[0]], [weight.shape[0]])
    scale = old.weight_gain / new.weight_gain
    new.weight.copy_(graft_vector(new.weight, weight[:, :, None, None], rows, scale=scale))
    new.bias.copy_(graft_vector(new.bias, bias, rows))
    match.say(place, verdict(rows.how("channels"), seen_in(old=before, new=after)))


def seen(from_rgb: EqualizedConv2d, *, old_channels: int, new_channels: int) -> tuple[Tensor, Tensor]:
    """The source's layer for a new picture: weights ``[C, new]``, in the source's scale, and bias ``[C]``."""
    assert from_rgb.bias is not None  # these layers always have one
    weight = from_rgb.weight[:, :, 0, 0]
    colors = recolor(old=new_channels, new=old_channels).to(weight)
    return weight @ colors.matrix, from_rgb.bias + from_rgb.weight_gain * (weight @ colors.offset)


# --- words and shapes -----------------------------------------------------------------------------------------------


def verdict(*hows: str) -> Fate:
    """Copied, if there is nothing to say."""
    said = "; ".join(dict.fromkeys(how for how in hows if how))
    return Fate("adapted", said) if said else Fate("copied")


def regridded(old: Tensor, new: Tensor) -> str:
    return "" if size_of(old) == size_of(new) else f"resampled from {format_size(size_of(old))}"


def size_of(maps: Tensor) -> tuple[int, int]:
    return maps.shape[-2], maps.shape[-1]


def constant_width(constant: ConstantInput) -> int:
    return constant.const.shape[0]


def parent(match: Match, place: str) -> Any:
    return match.new.get_submodule(match.news[place].name.rpartition(".")[0])
