"""The training loop. It yields after every batch and opens no file: whoever drives it reports, saves and stops."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from stylegans.data.pipeline import Batch, to_float
from stylegans.errors import Diverged
from stylegans.networks.compiled import as_written
from stylegans.networks.pyramid import at_lod, lod_of, set_lod
from stylegans.training import ema, posthoc_ema, schedule
from stylegans.training.ada import adapted
from stylegans.training.freeze import freeze
from stylegans.training.parts import in_turn, split
from stylegans.training.phases import Phase, Term
from stylegans.training.state import Sample, State

CHECK_EVERY = 16
"""On a GPU, losses are read (and the device waited for) on every so many batches; on a CPU on each."""


def train(state: State, batches: Iterable[Batch], phases: Sequence[Phase]) -> Iterator[State]:
    """Train on one batch after another; yield ``state``, changed in place, after each.

    Raises:
        Diverged: a loss is infinite or not a number. The state is spoilt; the last checkpoint is not.
    """
    for batch in batches:
        stage = grow(state)
        sample = to_sample(batch, state, lod=stage)
        for phase in phases:
            if state.step % phase.every == 0:
                descend(state, phase, sample)
        state.step += 1
        state.batch = len(sample)
        state.images += state.batch
        adapt_augmentation(state)
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
    for network in (state.generator, state.discriminator, state.generator_ema, *state.generator_power.values()):
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
    for parameter in freeze(state.discriminator, training.freeze_d):
        parameter.requires_grad_(False)
    rate = schedule.learning_rate_factor(state.config, config, state.images) * state.lr_scale
    for settings in optimizer.param_groups:
        settings["lr"] = settings["initial_lr"] * rate
    for term in phase.terms:
        compiled = (state.generator.synthesis, state.discriminator) if term.is_second_order else ()
        with as_written(*compiled):
            accumulate(state, term, sample, weight=phase.interval)
    sanitize_gradients(player)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)  # now, so that the rival's step does not find them in memory
    if phase.player == "discriminator" and training.weight_clip is not None:
        clip_weights(player, training.weight_clip)


def accumulate(state: State, term: Term, sample: Sample, *, weight: float) -> None:
    """Add the gradient of a term over a batch, which is processed in parts where the memory asks for it."""
    group = state.discriminator.group(len(sample)) if term.share == 1 else 1
    parts = split(sample, state.config.training.accumulate, group=group, share=term.share)
    if term.prepare is not None and len(parts) > 1:
        before = state.random.get_state()
        term.prepare(state, in_turn(parts))
        state.random.set_state(before)
    for part in in_turn(parts):
        loss, values = term.loss(state, part), []
        for summand in (loss,) if isinstance(loss, Tensor) else loss:
            (summand.mean() * (weight / len(parts))).backward()
            values.append(summand.detach())
        state.averages.add(term.name, sum(values[1:], values[0]))
    if state.mean_ws:
        state.generator.mapping.track_average(torch.stack(state.mean_ws).unsqueeze(1))
        state.mean_ws.clear()
    if state.observations:
        state.generator.synthesis.track(torch.stack(state.observations).mean(dim=0))
        state.observations.clear()


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


def adapt_augmentation(state: State) -> None:
    """On every ``interval``-th batch the strength of augmentation follows the discriminator's certainty (ADA)."""
    augment = state.config.training.augment
    if augment.mode in ("ada", "fixed"):
        state.averages.add("augment_p", torch.tensor(state.augment_p, device=state.device))
    if augment.mode == "ada" and state.step % augment.interval == 0:
        state.augment_p = adapted(state.augment_p, state.signs, augment=augment)
        state.signs.reset()


def average_generator(state: State) -> None:
    training = state.config.training
    beta = ema.decay(
        batch=state.batch, half_life=training.ema_kimg * 1000, seen=state.images, rampup=training.ema_rampup
    )
    ema.update(state.generator_ema, state.generator, beta=beta)
    for length, average in state.generator_power.items():
        beta = posthoc_ema.decay(images=state.images, batch=state.batch, length=length)
        posthoc_ema.update(average, state.generator, beta=beta)


def check_finite(state: State) -> None:
    name = state.averages.not_finite()
    if name is not None:
        raise Diverged(
            f"{name} is no longer a finite number after {state.kimg:.3f} kimg. Checkpoints written before are intact. "
            f"In a new --out, try a larger --gamma, a smaller --lr, or --precision float32"
        )


def to_sample(batch: Batch, state: State, *, lod: float = 0.0) -> Sample:
    """Pictures of 8 or 16 bits → float32 in [-1, 1] on the device, as detailed as the stage of growth."""
    images: Tensor = to_float(batch.images.to(state.device, non_blocking=True))
    return Sample(
        images=at_lod(images.contiguous(memory_format=torch.channels_last), lod),
        labels=batch.labels.to(state.device, non_blocking=True),
        random=state.random,
    )
