"""The terms of a training, from its config: the adversarial game, the penalties on either player."""

import torch
from torch import Tensor

from stylegans.config import Training
from stylegans.losses import adversarial, gradient_penalty, path_length
from stylegans.losses.adversarial import GAMES
from stylegans.networks.pyramid import active_ws, lod_of
from stylegans.networks.styles import draw_cutoff, mix
from stylegans.training.phases import Term
from stylegans.training.state import Sample, State


def terms(training: Training) -> list[Term]:
    """What the two players minimise."""
    paired = training.loss == "relativistic"
    chosen = [Term("loss_G", "generator", relativistic_generator_loss if paired else generator_loss)]
    if training.pl_weight > 0 and training.pl_interval > 0:
        chosen.append(Term("path_length", "generator", path_length_loss, training.pl_interval))
    chosen.append(Term("loss_D", "discriminator", relativistic_discriminator_loss if paired else discriminator_loss))
    if training.gp_weight > 0:
        chosen.append(Term("gradient_penalty", "discriminator", gradient_penalty_loss))
    if training.r1_gamma > 0 and training.r1_interval > 0:
        chosen.append(Term("R1", "discriminator", r1_loss, training.r1_interval))
    if training.r2_gamma > 0 and training.r1_interval > 0:
        chosen.append(Term("R2", "discriminator", r2_loss, training.r1_interval))
    return chosen


# --- the game -------------------------------------------------------------------------------------------------------


def generator_loss(state: State, sample: Sample) -> Tensor:
    images = draw(state, sample)
    scores = state.discriminator(images, sample.labels)
    state.averages.add("scores_fake", scores)
    return GAMES[state.config.training.loss].generator(scores)


def discriminator_loss(state: State, sample: Sample) -> Tensor:
    game = GAMES[state.config.training.loss]
    fake, real = score_both(state, sample)
    return game.fake(fake) + game.real(real) + drift_loss(state, real)


def relativistic_generator_loss(state: State, sample: Sample) -> Tensor:
    images = draw(state, sample)
    fake, real = state.discriminator.score_both(images, sample.images, sample.labels)
    state.averages.add("scores_fake", fake)
    return adversarial.generator_relativistic(fake, real)


def relativistic_discriminator_loss(state: State, sample: Sample) -> Tensor:
    fake, real = score_both(state, sample)
    return adversarial.discriminator_relativistic(fake, real) + drift_loss(state, real)


def draw(state: State, sample: Sample) -> Tensor:
    """Pictures for the generator's own step; the discriminator is handed them on if it is to reuse them."""
    images, _ = generate(state, sample)
    if state.config.training.reuse_fakes:
        state.fakes.append(images.detach())
    return images


def score_both(state: State, sample: Sample) -> tuple[Tensor, Tensor]:
    """The discriminator's scores of generated pictures, fresh unless some were handed on, and of real ones."""
    with torch.no_grad():
        images = state.fakes.popleft() if state.fakes else generate(state, sample)[0]
    fake, real = state.discriminator.score_both(images, sample.images, sample.labels)
    state.averages.add("scores_real", real)
    return fake, real


# --- the penalties --------------------------------------------------------------------------------------------------


def drift_loss(state: State, real: Tensor) -> Tensor | float:
    weight = state.config.training.drift
    return gradient_penalty.drift(real) * weight if weight else 0.0


def gradient_penalty_loss(state: State, sample: Sample) -> Tensor:
    with torch.no_grad():
        fake, _ = generate(state, sample)
    images = gradient_penalty.interpolate(sample.images, fake, generator=state.random).requires_grad_()
    penalty = gradient_penalty.wgan_gp(state.discriminator(images, sample.labels), images)
    return penalty * state.config.training.gp_weight


def r1_loss(state: State, sample: Sample) -> Tensor:
    images = sample.images.detach().requires_grad_()
    penalty = gradient_penalty.r1(state.discriminator(images, sample.labels), images)
    state.averages.add("r1_penalty", penalty)
    return penalty * (state.config.training.r1_gamma / 2)


def r2_loss(state: State, sample: Sample) -> Tensor:
    with torch.no_grad():
        fake, _ = generate(state, sample)
    images = fake.requires_grad_()
    penalty = gradient_penalty.r2(state.discriminator(images, sample.labels), images)
    state.averages.add("r2_penalty", penalty)
    return penalty * (state.config.training.r2_gamma / 2)


def path_length_loss(state: State, sample: Sample) -> Tensor:
    training = state.config.training
    count = max(1, sample.labels.shape[0] // training.pl_batch_shrink)
    images, ws = generate(state, Sample(images=sample.images[:count], labels=sample.labels[:count]))
    y = path_length.random_picture(images, generator=state.random)
    lengths = path_length.path_lengths(images, ws, y)
    state.path_length_mean = path_length.update_average(state.path_length_mean, lengths, decay=training.pl_decay)
    state.averages.add("path_lengths", lengths)
    return path_length.penalty(lengths, state.path_length_mean) * training.pl_weight


# --- generated pictures ---------------------------------------------------------------------------------------------


def generate(state: State, sample: Sample) -> tuple[Tensor, Tensor]:
    """A batch of generated pictures ``[n, C, H, W]`` and their ws, with mixing regularisation."""
    generator, n = state.generator, sample.labels.shape[0]
    ws = generator.mapping(draw_latents(state, n), sample.labels)
    generator.mapping.track_average(ws)
    layers = active_ws(generator.num_ws, lod_of(generator))
    cutoff = draw_cutoff(layers, probability=state.config.training.style_mixing, generator=state.random)
    if cutoff < layers:
        ws = mix(ws, generator.mapping(draw_latents(state, n), sample.labels), cutoff)
    noise = "random" if generator.has_noise else "const"
    return generator.synthesis(ws, noise=noise, generator=state.random), ws


def draw_latents(state: State, n: int) -> Tensor:
    return torch.randn(n, state.generator.z_dim, device=state.device, generator=state.random)
