"""The terms of a training, from its config: the adversarial game, the penalties on either player."""

from collections.abc import Iterator

import torch
from torch import Tensor

from stylegans.augment import diffaugment, pipeline
from stylegans.augment.transformation import Transformation
from stylegans.config import Training
from stylegans.losses import adversarial, gradient_penalty, path_length
from stylegans.losses.adversarial import GAMES
from stylegans.networks.protocol import Noise
from stylegans.networks.pyramid import active_ws, lod_of
from stylegans.networks.styles import draw_cutoff, mix
from stylegans.ops.filters import gaussian
from stylegans.ops.random import Rows, generator_of, randn
from stylegans.ops.resample import filter2d
from stylegans.training import schedule
from stylegans.training.phases import Loss, Term
from stylegans.training.state import Sample, State


def terms(training: Training) -> list[Term]:
    """What the two players minimise."""
    paired = training.loss == "relativistic"
    chosen = [Term("loss_G", "generator", relativistic_generator_loss if paired else generator_loss)]
    if training.pl_weight > 0 and training.pl_interval > 0:
        chosen.append(
            Term(
                "path_length",
                "generator",
                path_length_loss,
                training.pl_interval,
                share=training.pl_batch_shrink,
                is_second_order=True,
                prepare=follow_path_lengths,
            )
        )
    chosen.append(Term("loss_D", "discriminator", relativistic_discriminator_loss if paired else discriminator_loss))
    if training.gp_weight > 0:
        chosen.append(Term("gradient_penalty", "discriminator", gradient_penalty_loss, is_second_order=True))
    if training.r1_gamma > 0:
        chosen.append(penalty("R1", training, r1_loss, approximate_r1_loss))
    if training.r2_gamma > 0:
        chosen.append(penalty("R2", training, r2_loss, approximate_r2_loss))
    return chosen


def penalty(name: str, training: Training, exact: Loss, approximate: Loss) -> Term:
    """R1 or R2 in the form that the training asks for."""
    if training.penalty == "approx":
        return Term(name, "discriminator", approximate)
    interval = training.r1_interval if training.penalty == "lazy" else 1
    return Term(name, "discriminator", exact, interval, is_second_order=True)


# --- the game -------------------------------------------------------------------------------------------------------


def generator_loss(state: State, sample: Sample) -> Tensor:
    images = draw(state, sample)
    scores = state.discriminator(augmented(state, sample, images), sample.labels)
    state.averages.add("scores_fake", scores)
    return GAMES[state.config.training.loss].generator(scores)


def discriminator_loss(state: State, sample: Sample) -> Iterator[Tensor]:
    game, discriminator = GAMES[state.config.training.loss], state.discriminator
    images, reals = shown(state, sample)
    if at_once(state, images):
        fake, real = discriminator.score_both(images, reals, sample.labels)
        follow_reals(state, real, certain=real)
        yield game.fake(fake) + game.real(real) + drift_loss(state, real)
    else:
        yield game.fake(discriminator(images, sample.labels))
        real = discriminator(reals, sample.labels)
        follow_reals(state, real, certain=real)
        yield game.real(real) + drift_loss(state, real)


def relativistic_generator_loss(state: State, sample: Sample) -> Tensor:
    images = augmented(state, sample, draw(state, sample))
    reals = augmented(state, sample, sample.images)
    fake, real = state.discriminator.score_both(images, reals, sample.labels)
    state.averages.add("scores_fake", fake)
    return adversarial.generator_relativistic(fake, real)


def relativistic_discriminator_loss(state: State, sample: Sample) -> Tensor:
    fake, real = state.discriminator.score_both(*shown(state, sample), sample.labels)
    follow_reals(state, real, certain=real - fake)  # paired scores have no zero of their own
    return adversarial.discriminator_relativistic(fake, real) + drift_loss(state, real)


def draw(state: State, sample: Sample) -> Tensor:
    """Pictures for the generator's own step; the discriminator is handed them on if it is to reuse them."""
    images, _, observations = generate(state, sample)
    state.observations.append(observations)
    if state.config.training.reuse_fakes:
        state.fakes.append(images.detach())
    return images


JOINED = 2**22
"""Features (pixels of a batch times the discriminator's width) from which on pictures are scored after one another."""


def at_once(state: State, images: Tensor) -> bool:
    """Whether generated and real pictures go through the discriminator together. Paired scores need it, and few
    features take less time so. Many take nearly as much in turn, and half the memory."""
    width = max((len(weight) for weight in state.discriminator.parameters() if weight.ndim == 4), default=1)
    n, _, height, across = images.shape
    return state.config.training.loss == "relativistic" or n * height * across * width < JOINED


@torch.no_grad()
def shown(state: State, sample: Sample) -> tuple[Tensor, Tensor]:
    """What the discriminator is shown: generated pictures, fresh unless some were handed on, and real ones."""
    images = state.fakes.popleft() if state.fakes else generate(state, sample)[0]
    return augmented(state, sample, images), augmented(state, sample, sample.images)


def follow_reals(state: State, real: Tensor, *, certain: Tensor) -> None:
    """The scores of real pictures, and how ``certain`` the discriminator is of them, for the log and for ADA."""
    state.averages.add("scores_real", real)
    state.averages.add("signs_real", certain.sign())
    state.signs.add(certain)


# --- augmentation ---------------------------------------------------------------------------------------------------


def augmented(state: State, sample: Sample, images: Tensor) -> Tensor:
    """The pictures ``[n, C, H, W]`` as the discriminator is shown them."""
    images = blurred(state, images)
    transformation = draw_transformation(state, sample)
    return images if transformation is None else transformation(images)


def blurred(state: State, images: Tensor) -> Tensor:
    """At the beginning of a training that fades it in, the discriminator sees no detail (StyleGAN3, appendix F)."""
    f = gaussian(schedule.blur(state.config.training, state.images))
    return images if f is None else filter2d(images, f.to(images.device))


def draw_transformation(state: State, sample: Sample) -> Transformation | None:
    """What happens to the pictures of a sample; None: nothing."""
    augment = state.config.training.augment
    if augment.mode == "none" or (augment.mode != "diffaugment" and state.augment_p <= 0):
        return None
    rows = sample.random if isinstance(sample.random, Rows) else None
    n, channels = rows.total if rows else len(sample), sample.images.shape[1]
    size, random = (sample.images.shape[2], sample.images.shape[3]), generator_of(sample.random)
    whole: Transformation = (
        diffaugment.draw(augment.policy, n=n, channels=channels, size=size, generator=random)
        if augment.mode == "diffaugment"
        else pipeline.draw(augment.pipe, n=n, channels=channels, size=size, p=state.augment_p, generator=random)
    )
    return whole if rows is None else whole.rows(rows.index)


# --- the penalties --------------------------------------------------------------------------------------------------


def drift_loss(state: State, real: Tensor) -> Tensor | float:
    weight = state.config.training.drift
    return gradient_penalty.drift(real) * weight if weight else 0.0


def gradient_penalty_loss(state: State, sample: Sample) -> Tensor:
    fake = generated(state, sample)
    images = gradient_penalty.interpolate(sample.images, fake, generator=sample.random).requires_grad_()
    scores = state.discriminator(augmented(state, sample, images), sample.labels)
    return gradient_penalty.wgan_gp(scores, images) * state.config.training.gp_weight


def r1_loss(state: State, sample: Sample) -> Tensor:
    """γ/2 · R1. The gradient is that with respect to the picture before augmentation (StyleGAN2-ADA, appendix)."""
    images = sample.images.detach().requires_grad_()
    scores = state.discriminator(augmented(state, sample, images), sample.labels)
    return weighted(state, "r1", gradient_penalty.r1(scores, images))


def r2_loss(state: State, sample: Sample) -> Tensor:
    images = generated(state, sample).requires_grad_()
    scores = state.discriminator(augmented(state, sample, images), sample.labels)
    return weighted(state, "r2", gradient_penalty.r2(scores, images))


def approximate_r1_loss(state: State, sample: Sample) -> Tensor:
    return weighted(state, "r1", squared_difference(state, sample, sample.images))


def approximate_r2_loss(state: State, sample: Sample) -> Tensor:
    return weighted(state, "r2", squared_difference(state, sample, generated(state, sample)))


def squared_difference(state: State, sample: Sample, images: Tensor) -> Tensor:
    """What stands for the gradient's squared norm at ``images`` without second derivatives: ``[n]``."""
    sigma = state.config.training.penalty_sigma
    shifted = images + sigma * randn(*images.shape, source=sample.random, device=images.device)
    images, shifted = blurred(state, images), blurred(state, shifted)
    transformation = draw_transformation(state, sample)
    if transformation is not None:  # the same for both: the difference is the noise's
        images, shifted = transformation(images), transformation(shifted)
    scores, scores_shifted = state.discriminator.score_both(images, shifted, sample.labels)
    return gradient_penalty.difference(scores, scores_shifted, sigma=sigma)


def weighted(state: State, name: str, penalty: Tensor) -> Tensor:
    """γ/2 times R1 or R2, whose value is reported."""
    state.averages.add(f"{name}_penalty", penalty)
    gamma: float = getattr(state.config.training, f"{name}_gamma")
    return penalty * (gamma / 2)


def path_length_loss(state: State, sample: Sample) -> Tensor:
    training = state.config.training
    lengths = draw_path_lengths(state, sample)
    if not isinstance(sample.random, Rows):
        follow(state, lengths)
    state.averages.add("path_lengths", lengths)
    return path_length.penalty(lengths, state.path_length_mean) * training.pl_weight


def follow_path_lengths(state: State, parts: Iterator[Sample]) -> None:
    """The mean that lengths are drawn towards follows those of the whole batch, before any part is penalised."""
    follow(state, torch.cat([draw_path_lengths(state, part).detach() for part in parts]))
    state.mean_ws.clear()


def follow(state: State, lengths: Tensor) -> None:
    decay = state.config.training.pl_decay
    state.path_length_mean = path_length.update_average(state.path_length_mean, lengths, decay=decay)


def draw_path_lengths(state: State, sample: Sample) -> Tensor:
    images, ws, _ = generate(state, sample)
    y = path_length.random_picture(images, generator=sample.random)
    return path_length.path_lengths(images, ws, y)


# --- generated pictures ---------------------------------------------------------------------------------------------


@torch.no_grad()
def generated(state: State, sample: Sample) -> Tensor:
    """A batch of generated pictures for the discriminator's sake ``[n, C, H, W]``."""
    return generate(state, sample)[0]


def generate(state: State, sample: Sample) -> tuple[Tensor, Tensor, Tensor]:
    """A batch of generated pictures ``[n, C, H, W]``, their ws, with mixing regularisation, and what was observed."""
    generator = state.generator
    ws = generator.mapping(draw_latents(state, sample), sample.labels)
    state.mean_ws.append(ws[:, 0].detach().float().mean(dim=0))
    layers = active_ws(generator.num_ws, lod_of(generator))
    probability = state.config.training.style_mixing
    cutoff = draw_cutoff(layers, probability=probability, generator=generator_of(sample.random))
    if cutoff < layers:
        ws = mix(ws, generator.mapping(draw_latents(state, sample), sample.labels), cutoff)
    noise: Noise = "random" if generator.has_noise else "const"
    images, observations = generator.synthesis.observed(ws, noise=noise, generator=sample.random)
    return images, ws, observations


def draw_latents(state: State, sample: Sample) -> Tensor:
    return randn(len(sample), state.generator.z_dim, source=sample.random, device=state.device)
