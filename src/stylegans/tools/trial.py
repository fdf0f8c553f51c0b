"""A training of a few batches: how long a thousand pictures take, and how much memory.

The pictures are noise, since time and memory do not depend on what they show. Every kind of batch is timed by itself
and counts as often as it comes: lazy regularisation on every 4th or 16th.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from stylegans.config import Run
from stylegans.config.adjust import most_parts
from stylegans.config.sizes import Size, channels, levels
from stylegans.data.pipeline import Batch
from stylegans.errors import RunFailed
from stylegans.runs import machine
from stylegans.tools.survey import free_memory, resident
from stylegans.training.loop import train
from stylegans.training.phases import Phase
from stylegans.training.setup import start
from stylegans.training.state import State

AUGMENTED = 0.3
"""Probability of augmentation in a trial: at the 0 that ADA begins with it would cost nothing."""

ROOM = 0.8
"""The share of the free memory that a training is planned to fill."""

MOST_REPEATS = 5

ELEMENTWISE = 100
"""Multiply-adds in whose time a number is read, changed and written: filters, biases and activations are many."""

STARTING = 1_200_000_000
"""Multiply-adds in whose time a CPU has found its way through a batch, however small its pictures."""


class DoesNotFit(RunFailed):
    """Not even the smallest part of a batch fits in memory."""


@dataclass(frozen=True)
class Trial:
    """What a training was found to cost."""

    size: Size
    pictures: int
    """In the batches that were timed."""
    batch: int
    """In the batches that are planned."""
    seconds_per_kimg: float
    accumulate: int
    """In how many parts a batch fits in memory."""
    memory: int | None
    """Bytes at the peak, in these parts; None: not known."""
    is_memory_measured: bool
    """At the whole batch in these parts; else computed from what fewer pictures took."""


@dataclass(frozen=True)
class _Cost:
    seconds: float
    """Of a batch, lazy terms in their share."""
    peak: int | None
    fixed: int
    """Bytes that do not depend on the batch."""


def trial(config: Run, *, device: torch.device, pictures: int | None = None, seconds: float = 10) -> Trial:
    """Train ``config`` for a few batches.

    Args:
        pictures: in a batch, where the planned one would take too long; on a GPU it is always the planned one.
        seconds: to spend, roughly; each kind of batch is done once or twice at least.

    Raises:
        DoesNotFit: the memory does not hold the smallest part of a batch.
    """
    if device.type == "cuda":
        return _on_gpu(config, device, seconds)
    batch = config.training.batch
    pictures = min(pictures or batch, batch)
    cost = _measure(_with(config, batch=pictures), device=device, seconds=seconds)
    return _in_memory(config, cost, pictures=pictures, available=free_memory(device))


def divisions(config: Run) -> list[int]:
    """The numbers of parts in which a batch may be processed, the fewest first."""
    most = most_parts(config, config.training.batch)
    return [parts for parts in range(1, most + 1) if most % parts == 0]


def _on_gpu(config: Run, device: torch.device, seconds: float) -> Trial:
    """The largest parts that fit are found by trying."""
    batch = config.training.batch
    for parts in divisions(config):
        cost = None
        with suppress(torch.OutOfMemoryError):
            cost = _measure(_with(config, accumulate=parts), device=device, seconds=seconds)
        torch.cuda.empty_cache()  # after the exception, which held the tensors, is gone
        if cost is not None:
            pace = cost.seconds / batch * 1000
            return Trial(config.generator.resolution, batch, batch, pace, parts, cost.peak, is_memory_measured=True)
    raise DoesNotFit(f"a batch of {batch} does not fit in the memory of {device}, in however many parts")


def _in_memory(config: Run, cost: _Cost, *, pictures: int, available: int | None) -> Trial:
    """The largest parts that fit are computed: trying would have the system end the process."""
    batch, size = config.training.batch, config.generator.resolution
    pace = cost.seconds / pictures * 1000
    if cost.peak is None or available is None:
        return Trial(size, pictures, batch, pace, 1, cost.peak, is_memory_measured=pictures == batch)
    each = max(cost.peak - cost.fixed, 0) / pictures
    for parts in divisions(config):
        needed = int(cost.fixed + each * batch / parts)
        if needed <= available * ROOM:
            return Trial(size, pictures, batch, pace, parts, needed, is_memory_measured=batch // parts == pictures)
    raise DoesNotFit(f"a batch of {batch} does not fit in the memory, in however many parts")


def _measure(config: Run, *, device: torch.device, seconds: float) -> _Cost:
    training = replace(config.training, precision=machine.choose_precision(config, device))
    reset_peak(device)
    state, phases = start(replace(config, training=training), device=device)
    if training.augment.mode == "ada":
        state.augment_p = AUGMENTED
    moments = 3 * sum(_bytes(network) for network in (state.generator, state.discriminator))  # gradients, Adam's two
    fixed = resident() + moments
    batch = noise(config)
    dense = [phase for phase in phases if phase.every == 1]
    lazy = [phase for phase in phases if phase.every > 1]
    kinds: list[list[Phase]] = [dense, *([phase] for phase in lazy)]
    spent = [timed(state, kind, batch, seconds=seconds / len(kinds)) for kind in kinds]
    idle = timed(state, [], batch, seconds=0.2) if lazy else 0.0
    total = spent[0] + sum((one - idle) / phase.every for one, phase in zip(spent[1:], lazy, strict=True))
    return _Cost(total, peak(device), fixed)


def timed(state: State, phases: Sequence[Phase], batch: Batch, *, seconds: float) -> float:
    """Seconds that a batch with these optimizer steps takes: the median, the first left out if there is another."""
    took: list[float] = []
    least = 1 if state.device.type == "cpu" else 2  # a GPU's first batch also loads and chooses its programs
    while len(took) < least or (len(took) < MOST_REPEATS and sum(took) + took[-1] < seconds):
        state.step = 0  # where every phase is due
        synchronize(state.device)
        before = time.perf_counter()
        for _ in train(state, [batch], phases):
            pass
        synchronize(state.device)
        took.append(time.perf_counter() - before)
    return statistics.median(took[1:] or took)


def noise(config: Run) -> Batch:
    """A batch of pictures of the right form that show nothing."""
    n, channels, size = config.training.batch, config.generator.img_channels, config.generator.resolution
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, *size), dtype=torch.uint8, generator=random)
    labels = torch.zeros(n, getattr(config.discriminator, "c_dim", 0))
    labels[:, :1] = 1
    return Batch(images, labels)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


# --- cost by counting -----------------------------------------------------------------------------------------------


def forward_costs(config: Run) -> Iterator[tuple[int, int]]:
    """(multiply-adds, numbers held) of each level of a pyramid, generator and discriminator, for one picture."""
    for network in (config.generator, config.discriminator):
        base, size = getattr(network, "base", network.resolution), network.resolution
        before = None
        for level in range(levels(base, size)):
            now = channels(base, level, channel_base=network.channel_base, channel_max=network.channel_max)
            pixels = (base[0] << level) * (base[1] << level)
            yield 9 * pixels * now * ((before or 0) + now), 2 * pixels * now
            before = now


def work(config: Run) -> float:
    """What a picture costs, up to a factor: to tell one size from another where only one was timed."""
    own = sum(products + ELEMENTWISE * numbers for products, numbers in forward_costs(config))
    return own + STARTING / config.training.batch


# --- memory ---------------------------------------------------------------------------------------------------------


def reset_peak(device: torch.device) -> None:
    """Forget how much was held before; where the system cannot, the peak stays that of the process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak(device: torch.device) -> int | None:
    """The most bytes held: on a GPU by PyTorch, on a CPU by the process; None: not known."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if device.type != "cpu":
        return None
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return machine.peak_memory(device)


def _bytes(network: nn.Module) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())


def _with(config: Run, *, batch: int | None = None, accumulate: int = 1) -> Run:
    training = replace(config.training, batch=batch or config.training.batch, accumulate=accumulate)
    return replace(config, training=training)
