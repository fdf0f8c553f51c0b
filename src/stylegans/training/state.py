"""Everything a training remembers from one batch to the next."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylegans.config import Optimizer, Run
from stylegans.networks.discriminator import StyleGAN2Discriminator
from stylegans.networks.precision import set_precision
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.training.stats import Averages


@dataclass(frozen=True)
class Sample:
    """A part of a batch, as the losses see it."""

    images: Tensor
    """Real pictures ``[n, C, H, W]``, float32 in [-1, 1]."""
    labels: Tensor
    """``[n, c_dim]``. Generated pictures take the labels of the real ones beside them: the same distribution."""


@dataclass
class State:
    """The two players, the average of one, their optimizers, and the randomness still to come."""

    config: Run
    device: torch.device
    generator: StyleGAN2Generator
    discriminator: StyleGAN2Discriminator
    generator_ema: StyleGAN2Generator
    g_optimizer: torch.optim.Adam
    d_optimizer: torch.optim.Adam
    path_length_mean: Tensor
    random: torch.Generator
    """Draws latents, mixing cutoffs, noise inputs and path-length pictures."""
    averages: Averages
    images: int = 0
    """Real pictures shown so far: also the sampler's position."""
    step: int = 0
    """Batches so far."""

    @property
    def kimg(self) -> float:
        return self.images / 1000


def build(config: Run, *, device: torch.device, g_adam: Optimizer, d_adam: Optimizer) -> State:
    """The state of a run before its first batch. Equal configs give equal states."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.training.seed)
        generator = StyleGAN2Generator(config.generator)
        discriminator = StyleGAN2Discriminator(config.discriminator)
    generator_ema = copy.deepcopy(generator).eval().requires_grad_(False)
    networks: tuple[nn.Module, ...] = (generator, discriminator, generator_ema)
    for network in networks:
        network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    dtype = torch.bfloat16 if config.training.precision == "bfloat16" else torch.float32
    for player in (generator, discriminator):
        set_precision(player, dtype)
    random = torch.Generator(device)
    random.manual_seed(config.training.seed)
    return State(
        config=config,
        device=device,
        generator=generator,
        discriminator=discriminator,
        generator_ema=generator_ema,
        g_optimizer=adam(generator, g_adam),
        d_optimizer=adam(discriminator, d_adam),
        path_length_mean=torch.zeros([], device=device),
        random=random,
        averages=Averages(),
    )


def adam(network: nn.Module, config: Optimizer) -> torch.optim.Adam:
    return torch.optim.Adam(
        [{"params": list(network.parameters()), "initial_lr": config.lr}],  # what a schedule scales
        lr=config.lr,
        betas=(float(config.beta1), float(config.beta2)),  # PyTorch 2.13 refuses an integer 0
        eps=config.eps,
        fused=True,
    )
