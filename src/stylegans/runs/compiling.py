"""``--compile``: what can be compiled here, the warm-up before the work, and one line about either."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from stylegans.config import Run
from stylegans.config.adjust import SEPARABLE, batch_sizes
from stylegans.errors import UserError
from stylegans.networks import compiled as networks
from stylegans.networks.base import Synthesis
from stylegans.networks.graphed import graphed
from stylegans.networks.protocol import Generator, Noise, device_of
from stylegans.runs.machine import tune_convolutions
from stylegans.training import objectives
from stylegans.training.state import State


def check(config: Run) -> None:
    """
    Raises:
        UserError: compilation is asked for networks that it does not suit.
    """
    if not config.outputs.compile:
        return
    if config.training.growth is not None:
        raise UserError("--compile: networks that grow are others at every batch; leave it out")
    for network in (config.generator, config.discriminator):
        if not isinstance(network, SEPARABLE):
            raise UserError(f"--compile: is not for networks of family {network.family}, which are small; leave it out")


def compile_players(state: State) -> Iterator[str]:
    """Compile both networks of a training that asks for it; yields what the user should know.

    The warm-up draws and scores pictures of zeros as every batch does, and leaves the state as it was.
    """
    if not state.config.outputs.compile:
        return
    if reason := networks.why_not(state.device):
        yield f"--compile: {reason}; training runs without"
        return
    networks.compile_synthesis(state.generator.synthesis)
    networks.compile_discriminator(state.discriminator)
    began = time.perf_counter()
    if failure := _failure(lambda: _one_batch(state)):
        networks.as_it_was(state.generator.synthesis)
        networks.as_it_was(state.discriminator)
        yield f"--compile: {failure}; training runs without"
        return
    yield f"compiled in {time.perf_counter() - began:.0f} s"


def _one_batch(state: State) -> None:
    """The calls of a batch's dense steps."""
    generator, discriminator = state.generator, state.discriminator
    n = max(batch_sizes(state.config.training)) // state.config.training.accumulate
    z, c = (torch.zeros(n, length, device=state.device) for length in (generator.z_dim, discriminator.c_dim))
    random = torch.Generator(state.device)
    noise: Noise = "random" if generator.has_noise else "const"

    def draw() -> Tensor:
        return generator.synthesis.observed(generator.mapping(z, c), noise=noise, generator=random)[0]

    generator.requires_grad_(True)
    discriminator.requires_grad_(False)
    discriminator(draw(), c).sum().backward()
    generator.requires_grad_(False)
    discriminator.requires_grad_(True)
    with torch.no_grad():
        images = draw().contiguous(memory_format=torch.channels_last)
    at_once = objectives.at_once(state, images)
    scores = discriminator.score_both(images, images, c) if at_once else (discriminator(images, c),)
    torch.cat(scores).sum().backward()
    for player in (generator, discriminator):
        player.zero_grad(set_to_none=True)


@contextmanager
def compiled(G: Generator, first: Callable[[], object], *, wanted: bool, tell: Callable[[str], None]) -> Iterator[None]:
    """Within, a generator that draws many pictures is compiled, if ``wanted`` and possible.

    Unless it is wanted, a GPU draws them from CUDA graphs (``networks/graphed.py``).

    Args:
        first: a call like those that follow, for the warm-up. Calls of another kind run as written.
        tell: is told what the warm-up took, or why nothing is compiled.
    """
    synthesis, device = G.synthesis, device_of(G)
    tune_convolutions(device)
    if not wanted:
        with graphed(synthesis, device):
            yield
        return
    reason = networks.why_not(device)
    if reason or not isinstance(synthesis, Synthesis):
        tell(f"--compile: {reason or 'this model is no network of ours'}; it runs without")
        yield
        return
    networks.compile_synthesis(synthesis)
    began = time.perf_counter()
    try:
        if failure := _failure(first):
            networks.as_it_was(synthesis)
            tell(f"--compile: {failure}; it runs without")
            yield
        else:
            tell(f"compiled in {time.perf_counter() - began:.0f} s")
            with networks.settled():
                yield
    finally:
        networks.as_it_was(synthesis)


def _failure(call: Callable[[], object]) -> str | None:
    """Why compiling for ``call`` failed, in a line; None: it did not."""
    from torch._dynamo.exc import TorchDynamoException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch's compiler about PyTorch
            call()
    except TorchDynamoException as error:
        return f"PyTorch could not compile it ({type(error).__name__}: {str(error).strip().splitlines()[0]})"
    return None
