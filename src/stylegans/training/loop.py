"""The training loop. It yields after every batch and opens no file: whoever drives it reports, saves and stops."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from stylegans.data.pipeline import Batch
from stylegans.errors import RunFailed
from stylegans.networks.pyramid import at_lod, lod_of, set_lod
from stylegans.training import ema, schedule
from stylegans.training.phases import Phase
from stylegans.training.state import Sample, State

CHECK_EVERY = 16
"""On a GPU, losses are read (and the device waited for) on every so many batches; on a CPU on each."""


def train(state: State, batches: Iterable[Batch], phases: Sequence[Phase]) -> Iterator[State]:
    """Train on one batch after another; yield ``state``, changed in place, after each.

    Raises:
        RunFailed: a loss is infinite or not a number. The state is spoilt; the last checkpoint is not.
    """
    for batch in batches:
        stage = grow(state)
        sample = to_sample(batch, state.device, lod=stage)
        for phase in phases:
            if state.step % phase.every == 0:
                descend(state, phase, sample)
        state.step += 1
        state.batch = sample.labels.shape[0]
        state.images += state.batch
        average_generator(state)
        if state.device.type == "cpu" or state.step % CHECK_EVERY == 0:
            check_finite(state)
        yield state


def grow(state: State) -> float:
    """Bring the networks to the stage of growth that is due, which is returned.

    Where a fade begins or ends, the optimizers forget their moments, which speak of another network.
    """
    stage = schedule.lod(state.config, state.images)
    if state.config.training.growth is None:
        return stage
    if state.images and schedule.grew(lod_of(state.generator), stage):
        state.g_optimizer.state.clear()
        state.d_optimizer.state.clear()
    for network in (state.generator, state.discriminator, state.generator_ema):
        set_lod(network, stage)
    return stage


def descend(state: State, phase: Phase, sample: Sample) -> None:
    """One optimizer step of one player."""
    training = state.config.training
    player, rival, optimizer, config = (
        (state.generator, state.discriminator, state.g_optimizer, training.g_optimizer)
        if phase.player == "generator"
        else (state.discriminator, state.generator, state.d_optimizer, training.d_optimizer)
    )
    player.requires_grad_(True)
    rival.requires_grad_(False)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * schedule.learning_rate_factor(state.config, config, state.images)
    optimizer.zero_grad(set_to_none=True)
    parts = split(sample, training.accumulate)
    for part in parts:
        for term in phase.terms:
            loss = term.loss(state, part)
            state.averages.add(term.name, loss)
            (loss.mean() * (phase.interval / len(parts))).backward()
    sanitize_gradients(player)
    optimizer.step()
    if phase.player == "discriminator" and training.weight_clip is not None:
        clip_weights(player, training.weight_clip)


def split(sample: Sample, parts: int) -> list[Sample]:
    images, labels = sample.images.chunk(parts), sample.labels.chunk(parts)
    return [Sample(images=i, labels=c) for i, c in zip(images, labels, strict=True)]


def sanitize_gradients(network: nn.Module) -> None:
    """Replace what is not a number by 0 and what is infinite by ±1e5, so that one bad sample ruins nothing."""
    for parameter in network.parameters():
        if parameter.grad is not None:
            torch.nan_to_num(parameter.grad, nan=0.0, posinf=1e5, neginf=-1e5, out=parameter.grad)


@torch.no_grad()
def clip_weights(network: nn.Module, bound: float) -> None:
    """Clamp every weight to ± ``bound``: the critic's Lipschitz constraint (WGAN, algorithm 1)."""
    for parameter in network.parameters():
        parameter.clamp_(-bound, bound)


def average_generator(state: State) -> None:
    training = state.config.training
    beta = ema.decay(
        batch=state.batch, half_life=training.ema_kimg * 1000, seen=state.images, rampup=training.ema_rampup
    )
    ema.update(state.generator_ema, state.generator, beta=beta)


def check_finite(state: State) -> None:
    name = state.averages.not_finite()
    if name is not None:
        raise RunFailed(
            f"{name} is no longer a finite number after {state.kimg:.3f} kimg. Checkpoints written before are intact. "
            f"In a new --out, try a larger --gamma, a smaller --lr, or --precision float32"
        )


def to_sample(batch: Batch, device: torch.device, *, lod: float = 0.0) -> Sample:
    """uint8 pictures → float32 in [-1, 1] on the device, as detailed as the stage of growth."""
    images: Tensor = batch.images.to(device, non_blocking=True)
    return Sample(
        images=at_lod(images.float().div_(127.5).sub_(1).contiguous(memory_format=torch.channels_last), lod),
        labels=batch.labels.to(device, non_blocking=True),
    )
