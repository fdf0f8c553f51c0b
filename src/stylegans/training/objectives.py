"""The terms of a StyleGAN2 training, from its config (StyleGAN2, sections 3.1 and 3.2; StyleGAN2-ADA's settings)."""

import torch
from torch import Tensor

from stylegans.config import Training
from stylegans.losses import adversarial, gradient_penalty, path_length
from stylegans.networks.styles import draw_cutoff, mix
from stylegans.training.phases import Term
from stylegans.training.state import Sample, State


def terms(training: Training) -> list[Term]:
    """What the two players minimise."""
    chosen = [Term("loss_G", "generator", generator_loss)]
    if training.pl_weight > 0 and training.pl_interval > 0:
        chosen.append(Term("path_length", "generator", path_length_loss, training.pl_interval))
    chosen.append(Term("loss_D", "discriminator", discriminator_loss))
    if training.r1_gamma > 0 and training.r1_interval > 0:
        chosen.append(Term("R1", "discriminator", r1_loss, training.r1_interval))
    return chosen


def generator_loss(state: State, sample: Sample) -> Tensor:
    images, _ = generate(state, sample)
    scores = state.discriminator(images, sample.labels)
    state.averages.add("scores_fake", scores)
    return adversarial.generator_non_saturating(scores)


def discriminator_loss(state: State, sample: Sample) -> Tensor:
    with torch.no_grad():
        images, _ = generate(state, sample)
    fake, real = state.discriminator.score_both(images, sample.images, sample.labels)
    state.averages.add("scores_real", real)
    return adversarial.discriminator_logistic_fake(fake) + adversarial.discriminator_logistic_real(real)


def r1_loss(state: State, sample: Sample) -> Tensor:
    images = sample.images.detach().requires_grad_()
    penalty = gradient_penalty.r1(state.discriminator(images, sample.labels), images)
    state.averages.add("r1_penalty", penalty)
    return penalty * (state.config.training.r1_gamma / 2)


def path_length_loss(state: State, sample: Sample) -> Tensor:
    training = state.config.training
    count = max(1, sample.labels.shape[0] // training.pl_batch_shrink)
    images, ws = generate(state, Sample(images=sample.images[:count], labels=sample.labels[:count]))
    y = path_length.random_picture(images, generator=state.random)
    lengths = path_length.path_lengths(images, ws, y)
    state.path_length_mean = path_length.update_average(state.path_length_mean, lengths, decay=training.pl_decay)
    state.averages.add("path_lengths", lengths)
    return path_length.penalty(lengths, state.path_length_mean) * training.pl_weight


def generate(state: State, sample: Sample) -> tuple[Tensor, Tensor]:
    """A batch of generated pictures ``[n, C, H, W]`` and their ws, with mixing regularisation."""
    generator, n = state.generator, sample.labels.shape[0]
    ws = generator.mapping(draw_latents(state, n), sample.labels)
    generator.mapping.track_average(ws)
    cutoff = draw_cutoff(generator.num_ws, probability=state.config.training.style_mixing, generator=state.random)
    if cutoff < generator.num_ws:
        ws = mix(ws, generator.mapping(draw_latents(state, n), sample.labels), cutoff)
    noise = "random" if generator.has_noise else "const"
    return generator.synthesis(ws, noise=noise, generator=state.random), ws


def draw_latents(state: State, n: int) -> Tensor:
    return torch.randn(n, state.generator.z_dim, device=state.device, generator=state.random)
