"""Everything a training remembers from one batch to the next."""

import copy
from collections import deque
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from stylegans.config import Optimizer, Run
from stylegans.networks.base import DiscriminatorNetwork, GeneratorNetwork
from stylegans.networks.families import build_discriminator, build_generator
from stylegans.networks.precision import DTYPES, set_precision
from stylegans.networks.pyramid import set_lod
from stylegans.nn.dropout import Dropout
from stylegans.ops.random import Rows, Source
from stylegans.training.ada import Signs
from stylegans.training.schedule import lod
from stylegans.training.stats import Averages


@dataclass(frozen=True)
class Sample:
    """A batch, or a part of it, as the losses see it."""

    images: Tensor
    """Real pictures ``[n, C, H, W]``, float32 in [-1, 1]."""
    labels: Tensor
    """``[n, c_dim]``. Generated pictures take the labels of the real ones beside them: the same distribution."""
    random: torch.Generator | Rows
    """Its random numbers."""

    def __len__(self) -> int:
        return self.labels.shape[0]


@dataclass
class State:
    """The two players, the average of one, their optimizers, and the randomness still to come."""

    config: Run
    device: torch.device
    generator: GeneratorNetwork
    discriminator: DiscriminatorNetwork
    generator_ema: GeneratorNetwork
    g_optimizer: torch.optim.Optimizer
    d_optimizer: torch.optim.Optimizer
    generator_power: dict[float, GeneratorNetwork]
    """Power-function averages of the generator by their relative length."""
    path_length_mean: Tensor
    random: torch.Generator
    """Draws latents, mixing cutoffs, noise inputs, dropout, interpolations and path-length pictures."""
    averages: Averages
    augment_p: float = 0.0
    """Strength of augmentation."""
    signs: Signs = field(default_factory=Signs)
    """Of the discriminator's scores since the strength was last adapted."""
    lr_scale: float = 1.0
    """What the guard has multiplied the learning rates by."""
    fakes: deque[Tensor] = field(default_factory=deque)
    """Pictures of the generator's step that the discriminator's step is still to take; none between batches."""
    mean_ws: list[Tensor] = field(default_factory=list)
    """Mean w of each part of the batch that the average w is still to follow; none between batches."""
    observations: list[Tensor] = field(default_factory=list)
    """What each part of the batch of the generator's step has to say to its averages; none between batches."""
    images: int = 0
    """Real pictures shown so far: also the sampler's position."""
    step: int = 0
    """Batches so far."""
    batch: int = 0
    """Pictures in the last batch."""

    @property
    def kimg(self) -> float:
        return self.images / 1000


def build(config: Run, *, device: torch.device, g_optimizer: Optimizer, d_optimizer: Optimizer) -> State:
    """The state of a run before its first batch. Equal configs give equal states."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.training.seed)
        generator = build_generator(config.generator)
        discriminator = build_discriminator(config.discriminator)
    generator_ema = copy.deepcopy(generator).eval().requires_grad_(False)
    generator_power = {length: copy.deepcopy(generator_ema) for length in config.training.ema_power}
    networks: tuple[nn.Module, ...] = (generator, discriminator, generator_ema, *generator_power.values())
    for network in networks:
        network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        set_lod(network, lod(config, 0))
    random = torch.Generator(device)
    random.manual_seed(config.training.seed)
    for player in (generator, discriminator):
        set_precision(player, DTYPES[config.training.precision])
        draw_dropout_from(player, random)
    return State(
        config=config,
        device=device,
        generator=generator,
        discriminator=discriminator,
        generator_ema=generator_ema,
        generator_power=generator_power,
        g_optimizer=make_optimizer(generator, g_optimizer),
        d_optimizer=make_optimizer(discriminator, d_optimizer),
        path_length_mean=torch.zeros([], device=device),
        random=random,
        averages=Averages(),
        augment_p=config.training.augment.p,
    )


def draw_dropout_from(network: nn.Module, random: Source) -> None:
    """Let the network's dropout draw from the training's own random numbers, which a checkpoint keeps."""
    for module in network.modules():
        if isinstance(module, Dropout):
            module.random = random


def make_optimizer(network: nn.Module, config: Optimizer) -> torch.optim.Optimizer:
    parameters = [{"params": list(network.parameters()), "initial_lr": config.lr}]  # what a schedule scales
    if config.kind == "sgd":
        return torch.optim.SGD(parameters, lr=config.lr, momentum=config.beta1)
    if config.kind == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=config.lr, alpha=config.beta2, eps=config.eps)
    betas = (float(config.beta1), float(config.beta2))  # PyTorch 2.13 refuses an integer 0
    return torch.optim.Adam(parameters, lr=config.lr, betas=betas, eps=config.eps, fused=True)
