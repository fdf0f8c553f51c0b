"""CUDA graphs for a network that draws many pictures: the kernels of a call are recorded once and launched together.

A GPU finishes the small kernels of one picture's low resolutions sooner than Python can launch the next; in a graph
they follow each other without a gap. The numbers are those of the network itself.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor

from stylegans.networks.base import Synthesis
from stylegans.networks.protocol import Noise
from stylegans.networks.pyramid import grows
from stylegans.ops.random import Source

Call = Callable[[], Tensor]
Record = Callable[[Call, torch.device], tuple[Callable[[], object], Tensor]]
"""Records a call on a device; returns what repeats it and the tensor that every repetition fills."""

MOST = 4
"""Kinds of calls that are recorded, each of which keeps the memory of its maps."""


def on_cuda(call: Call, device: torch.device) -> tuple[Callable[[], object], Tensor]:
    """A ``Record``. What is allocated or chosen at a first call must have been before."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.Stream(device)):
        images = call()
    return graph.replay, images


@contextmanager
def graphed(synthesis: object, device: torch.device, *, record: Record = on_cuda) -> Iterator[None]:
    """Within, ``synthesis`` draws from recordings what it draws again and again, where that is possible.

    Possible on a CUDA GPU, for networks of ours that do not grow, without gradients and with noise that is not drawn.
    A kind of call (the shape of ws, the noise) is recorded when it comes for the second time. Weights must stay as
    they are; buffers, like the transform of StyleGAN3's input, may change in place.
    """
    if device.type != "cuda" or not isinstance(synthesis, Synthesis) or grows(synthesis):
        yield
        return
    vars(synthesis)["forward"] = _Graphed(synthesis, record)
    try:
        yield
    finally:
        del vars(synthesis)["forward"]


class _Recording:
    """One kind of call: a place for its ws, and what draws them."""

    def __init__(self, call: Callable[[Tensor], Tensor], ws: Tensor, record: Record) -> None:
        self.ws = ws.clone()
        self.repeat, self.images = record(lambda: call(self.ws), ws.device)

    def __call__(self, ws: Tensor) -> Tensor:
        self.ws.copy_(ws)
        self.repeat()
        return self.images.clone()  # the next call writes over them


class _Graphed:
    """Stands in a network for its ``forward``. A copied network has its own again."""

    def __init__(self, synthesis: Synthesis, record: Record) -> None:
        self.synthesis = synthesis
        self.record: Record | None = record
        self.recordings: dict[tuple[torch.Size, Noise], _Recording | None] = {}

    def __call__(self, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Tensor:
        if self.record is None or torch.is_grad_enabled() or noise == "random":
            return self.as_written(ws, noise, generator)
        kind = ws.shape, noise
        if kind not in self.recordings:
            if len(self.recordings) < MOST:
                self.recordings[kind] = None
            return self.as_written(ws, noise)
        recording = self.recordings[kind]
        if recording is None:
            try:
                recording = _Recording(lambda ws: self.as_written(ws, noise), ws, self.record)
            except RuntimeError as error:
                warnings.warn(f"pictures are drawn without a CUDA graph: {str(error).splitlines()[0]}", stacklevel=2)
                self.record = None
                return self.as_written(ws, noise)
            self.recordings[kind] = recording
        return recording(ws)

    def as_written(self, ws: Tensor, noise: Noise, generator: Source = None) -> Tensor:
        return type(self.synthesis).forward(self.synthesis, ws, noise=noise, generator=generator)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return MethodType(type(self.synthesis).forward, memo[id(self.synthesis)])
