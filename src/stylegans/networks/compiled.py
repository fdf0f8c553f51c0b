"""``torch.compile`` for a network that will be called many times: one pass for each chain of pointwise operations.

A compiled network's forward and backward are code made for the shapes and the device at hand, within rounding of the
network itself. It has no second derivatives (PyTorch 2.13): penalties on gradients run it as it was written, with the
same parameters (``as_written``).
"""

import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from stylegans.networks.base import DiscriminatorNetwork, Synthesis
from stylegans.networks.protocol import Noise
from stylegans.nn.noise import stored_maps
from stylegans.ops.random import Drawn, Source, randn

REPLACED = ("forward", "observed")
"""The methods that a compiled network may have of its own."""


def why_not(device: torch.device) -> str | None:
    """Why nothing can be compiled for ``device`` here; None: it can."""
    if device.type == "cuda":
        return None if find_spec("triton") else "Triton is missing"
    if device.type != "cpu":
        return f"not on {device.type}"
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    return None if shutil.which(compiler) else f"there is no C++ compiler ({compiler})"


def compile_synthesis(synthesis: Synthesis) -> None:
    """Let ``synthesis`` compile itself when it is next called, once for each kind of call.

    Noise is drawn before the compiled code runs, map by map in the order of the layers: the numbers are those that the
    network itself would draw.
    """
    _quiet()
    if type(synthesis).observed is Synthesis.observed:  # which calls forward
        vars(synthesis)["forward"] = _Compiled(synthesis, _draw)
    else:  # which forward calls
        vars(synthesis)["observed"] = _Compiled(synthesis, _observe)


def compile_discriminator(discriminator: DiscriminatorNetwork) -> None:
    """Let ``discriminator`` compile itself when it is next called, once for each kind of call."""
    _quiet()
    vars(discriminator)["forward"] = _Compiled(discriminator, _score)


def as_it_was(network: nn.Module) -> None:
    """Take compilation back."""
    for name in REPLACED:
        vars(network).pop(name, None)


def is_compiled(network: nn.Module) -> bool:
    return any(isinstance(vars(network).get(name), _Compiled) for name in REPLACED)


@contextmanager
def as_written(*networks: nn.Module) -> Iterator[None]:
    """Within, ``networks``, if they are compiled, run as they were written, and have derivatives of any order."""
    if not any(map(is_compiled, networks)):
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def settled() -> Iterator[None]:
    """Within, what has been compiled is used, and a call of another kind, like a smaller batch, runs as written."""
    with torch.compiler.set_stance("eager_on_recompile"):
        yield


class _Compiled:
    """Stands in a network for one of its methods. A copy belongs to the copied network."""

    def __init__(self, network: nn.Module, function: Callable[..., Any]) -> None:
        self.network, self.function = network, function
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch's compiler about PyTorch, when it is imported
            self.compiled = torch.compile(function, dynamic=False)

    def __call__(self, *args: Any, noise: Noise = "const", generator: Source = None) -> Any:
        if not isinstance(self.network, Synthesis):
            return self.compiled(self.network, *args)
        drawn = _drawn(self.network, args[0], generator) if noise == "random" else None
        return self.compiled(self.network, *args, noise, drawn)

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Compiled":
        return _Compiled(memo[id(self.network)], self.function)


def _drawn(synthesis: Synthesis, ws: Tensor, source: Source) -> Drawn:
    shapes = (each.shape[-2:] for each in stored_maps(synthesis).values())
    return Drawn([randn(len(ws), 1, *shape, source=source, device=ws.device) for shape in shapes])


def _draw(synthesis: Synthesis, ws: Tensor, noise: Noise, drawn: Drawn | None) -> Tensor:
    return type(synthesis).forward(synthesis, ws, noise=noise, generator=drawn)


def _observe(synthesis: Synthesis, ws: Tensor, noise: Noise, drawn: Drawn | None) -> tuple[Tensor, Tensor]:
    return type(synthesis).observed(synthesis, ws, noise=noise, generator=drawn)


def _score(discriminator: DiscriminatorNetwork, images: Tensor, c: Tensor | None = None) -> Tensor:
    return type(discriminator).forward(discriminator, images, c)


def _quiet() -> None:
    """A graph that cannot be compiled in one piece is compiled in several; that is no news for a user."""
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
