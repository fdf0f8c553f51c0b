"""Finding FID's Inception in a file: by the names that the PyTorch community gives its parts, or by order and shape.

Files that convert TensorFlow's graph of 2015 name its parts in many ways, but keep their order. Every convolution has
a batch normalisation, which is folded into it here: with the input's mean μ and variance σ², scale γ (absent in the
original: 1) and shift β, the weights become W γ/√(σ² + 0.001), the bias β − μ γ/√(σ² + 0.001).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from stylegans.errors import UserError

DIM, CLASSES = 2048, 1008
BATCH_NORM_EPS = 1e-3

Shape = tuple[int, ...]

WITHIN_35 = ("1x1", "5x5_1", "5x5_2", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3", "_pool")
WITHIN_17 = ("1x1", "7x7_1", "7x7_2", "7x7_3", *(f"7x7dbl_{i}" for i in range(1, 6)), "_pool")
WITHIN_8 = ("1x1", "3x3_1", "3x3_2a", "3x3_2b", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3a", "3x3dbl_3b", "_pool")
BLOCKS = {
    "Mixed_5b": WITHIN_35, "Mixed_5c": WITHIN_35, "Mixed_5d": WITHIN_35,
    "Mixed_6a": ("3x3", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3"),
    "Mixed_6b": WITHIN_17, "Mixed_6c": WITHIN_17, "Mixed_6d": WITHIN_17, "Mixed_6e": WITHIN_17,
    "Mixed_7a": ("3x3_1", "3x3_2", "7x7x3_1", "7x7x3_2", "7x7x3_3", "7x7x3_4"),
    "Mixed_7b": WITHIN_8, "Mixed_7c": WITHIN_8,
}  # fmt: skip
STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")

NAMES = (*STEM, *(f"{block}.branch{name}" for block, names in BLOCKS.items() for name in names))
"""The 94 convolutions in the network's order, as torchvision and its followers name them."""


@dataclass(frozen=True)
class Convolution:
    """A convolution that includes its batch normalisation."""

    weight: Tensor
    """[out, in, height, width]"""
    bias: Tensor
    """[out]"""


def match(state: Mapping[str, Tensor], shapes: Sequence[Shape], *, where: str) -> tuple[list[Convolution], Tensor]:
    """The convolutions of ``shapes`` [out, in, height, width], in order, and the classifier [1008, 2048], float32.

    Names as torchvision's are followed, with any prefix. Of other files the four-dimensional weights are taken in the
    order in which they stand, in PyTorch's or TensorFlow's layout, and with each the vectors whose names end in
    something with 'beta' or 'bias', 'gamma', 'scale' or 'weight', 'mean', and 'var'. Without means and variances they
    are taken as folded already.

    Raises:
        UserError: it does not fit; says what was expected.
    """
    try:
        prefix = _prefix(state)
        layers = _by_order(state, shapes) if prefix is None else _by_name(state, shapes, prefix)
        return [_fold(*layer) for layer in layers], _classifier(state)
    except _Misfit as error:
        raise UserError(f"{where}: not FID's Inception of 2015: {error}") from None


class _Misfit(Exception):
    """What was expected and what was found."""


Vectors = dict[str, Tensor]
"""'shift' and perhaps 'scale', 'mean', 'variance'."""


def _fold(weight: Tensor, vectors: Vectors) -> Convolution:
    weight, bias = weight.double(), vectors["shift"].double()
    if "variance" in vectors:
        scale = (vectors["variance"].double() + BATCH_NORM_EPS).rsqrt()
        if "scale" in vectors:
            scale = scale * vectors["scale"].double()
        weight, bias = weight * scale.view(-1, 1, 1, 1), bias - vectors["mean"].double() * scale
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise _Misfit("finite weights and positive variances were expected")
    return Convolution(weight.float(), bias.float())


# --- by name ----------------------------------------------------------------------------------------------------------


def _prefix(state: Mapping[str, Tensor]) -> str | None:
    """What stands before torchvision's names; None: they are not there."""
    first = f"{NAMES[0]}.conv.weight"
    return next((name.removesuffix(first) for name in state if name.endswith(first)), None)


def _by_name(state: Mapping[str, Tensor], shapes: Sequence[Shape], prefix: str) -> Iterator[tuple[Tensor, Vectors]]:
    roles = {"shift": "bias", "scale": "weight", "mean": "running_mean", "variance": "running_var"}
    for name, shape in zip(NAMES, shapes, strict=True):
        weight = _named(state, f"{prefix}{name}.conv.weight", shape)
        yield weight, {role: _named(state, f"{prefix}{name}.bn.{own}", shape[:1]) for role, own in roles.items()}


def _named(state: Mapping[str, Tensor], name: str, shape: Shape) -> Tensor:
    found = state.get(name)
    if found is None or found.shape != shape:
        there = "is not there" if found is None else f"is {list(found.shape)}"
        raise _Misfit(f"{name} {there}, {list(shape)} was expected")
    return found


# --- by order ---------------------------------------------------------------------------------------------------------


def _by_order(state: Mapping[str, Tensor], shapes: Sequence[Shape]) -> Iterator[tuple[Tensor, Vectors]]:
    kernels = {name: t for name, t in state.items() if t.ndim == 4 and not _is_classifier(t)}
    if len(kernels) != len(shapes):
        raise _Misfit(f"{len(shapes)} convolutions were expected, {len(kernels)} are there")
    widths = {shape[0] for shape in shapes}
    vectors = {name: t for name, t in state.items() if t.ndim == 1 and len(t) in widths and t.is_floating_point()}
    roles = _roles(vectors, count=len(shapes))
    for i, ((name, kernel), shape) in enumerate(zip(kernels.items(), shapes, strict=True)):
        weight = kernel if kernel.shape == shape else kernel.permute(3, 2, 0, 1)
        if weight.shape != shape:
            raise _Misfit(f"{name} is {list(kernel.shape)}, {list(shape)} was expected of convolution {i + 1}")
        own = {role: named[i] for role, named in roles.items()}
        for vector, found in own.values():
            if len(found) != shape[0]:
                raise _Misfit(f"{vector} is [{len(found)}], [{shape[0]}] was expected beside convolution {i + 1}")
        yield weight, {role: found for role, (_, found) in own.items()}


def _roles(vectors: Mapping[str, Tensor], *, count: int) -> dict[str, list[tuple[str, Tensor]]]:
    """Role → the vectors that play it, in order: one for each convolution."""
    if len(vectors) == count:  # folded: what a frozen TorchScript holds may have no names
        return {"shift": list(vectors.items())}
    roles: dict[str, list[tuple[str, Tensor]]] = {}
    for name, vector in vectors.items():
        roles.setdefault(_role(name), []).append((name, vector))
    if roles.keys() not in ({"shift", "mean", "variance"}, {"shift", "scale", "mean", "variance"}):
        raise _Misfit("a beta, mean and variance, and perhaps a gamma, were expected beside each convolution")
    for role, named in roles.items():
        if len(named) != count:
            raise _Misfit(f"{count} vectors of the role '{role}' were expected, {len(named)} are there")
    return roles


def _role(name: str) -> str:
    last = re.split(r"[./:]", name)[-1].lower()
    words = {"variance": ("var",), "mean": ("mean",), "shift": ("beta", "bias"), "scale": ("gamma", "scale", "weight")}
    for role, kinds in words.items():
        if any(kind in last for kind in kinds):
            return role
    raise _Misfit(f"{name} is neither a beta nor a gamma, mean or variance by its name")


# --- the classifier ---------------------------------------------------------------------------------------------------


def _is_classifier(tensor: Tensor) -> bool:
    return tensor.ndim >= 2 and sorted(tensor.shape)[-2:] == [CLASSES, DIM] and tensor.numel() == CLASSES * DIM


def _classifier(state: Mapping[str, Tensor]) -> Tensor:
    """[1008, 2048], out of a matrix of that shape or the other way round, or of a 1 × 1 convolution's."""
    found = [tensor for tensor in state.values() if _is_classifier(tensor)]
    if len(found) != 1:
        raise _Misfit(f"one matrix [{CLASSES}, {DIM}] of logits was expected, {len(found)} are there")
    matrix = found[0].squeeze()
    return (matrix if matrix.shape == (CLASSES, DIM) else matrix.T).float().contiguous()
