"""What a training run is made of: networks, data, training, outputs. Together they define a run completely."""

from dataclasses import dataclass, field
from typing import Literal

from stylegans.config.augment import Augment
from stylegans.config.networks import Discriminator, DiscriminatorConfig, GeneratorConfig, StyleGAN2

Precision = Literal["float32", "bfloat16", "float16", "auto"]
Penalty = Literal["exact", "lazy", "approx"]
Loss = Literal["non-saturating", "saturating", "wgan", "wgan-gp", "hinge", "least-squares", "relativistic"]


@dataclass(frozen=True)
class Data:
    """Where the pictures come from."""

    path: str = ""
    """A folder, a zip, or the name of an embedded set."""
    hash: str = ""
    """What the pictures and labels are, filled in when the run starts: a run continues on the same ones only."""
    xflip: bool = False
    """Every picture also stands in the set mirrored."""
    labels: bool = False
    """Train a conditional network on the set's labels."""
    subset: int | None = None
    """Only so many of the pictures, chosen by the training's seed; None: all."""


@dataclass(frozen=True)
class Optimizer:
    """Adam, RMSprop or gradient descent with momentum."""

    kind: Literal["adam", "rmsprop", "sgd"] = "adam"
    lr: float = 0.002
    beta1: float = 0.0
    """Decay of the first moment (Adam), or the momentum (gradient descent)."""
    beta2: float = 0.99
    """Decay of the second moment (Adam, RMSprop)."""
    eps: float = 1e-8


@dataclass(frozen=True)
class Growth:
    """The schedule of progressive growing: each stage is held, then the next fades in."""

    start: int = 8
    """Resolution of the first stage."""
    stable_kimg: float = 600
    fade_kimg: float = 600
    batch: tuple[tuple[int, int], ...] = ()
    """(resolution, batch) of stages whose batch is not the training's."""
    lr: tuple[tuple[int, float], ...] = ()
    """(resolution, learning rate) of stages whose rate is not the optimizers'."""


@dataclass(frozen=True)
class Training:
    """How the two players are trained."""

    batch: int = 32
    kimg: float = 25000
    """Length of the training, in thousands of real pictures shown."""
    seed: int = 0
    loss: Loss = "non-saturating"
    g_optimizer: Optimizer = field(default_factory=Optimizer)
    d_optimizer: Optimizer = field(default_factory=Optimizer)
    d_steps: int = 1
    """The discriminator moves on every batch, the generator on every so many."""
    r1_gamma: float = 10.0
    penalty: Penalty = "lazy"
    """How R1 and R2 are computed: 'exact' with every batch; 'lazy' on every ``r1_interval``-th (StyleGAN2, appendix B);
    'approx' with every batch from the scores' difference under Gaussian noise of ``penalty_sigma``, without second
    derivatives."""
    r1_interval: int = 16
    penalty_sigma: float = 0.01
    r2_gamma: float = 0.0
    gp_weight: float = 0.0
    """WGAN-GP's gradient penalty, on every batch."""
    drift: float = 0.0
    """Weight of D(x)² on real pictures, which keeps a critic's scores near 0 (Progressive GAN)."""
    weight_clip: float | None = None
    """The critic's weights are clamped to ± this after each of its steps (WGAN)."""
    pl_weight: float = 2.0
    pl_interval: int = 4
    """Path length regularisation on every so many batches; 0: never."""
    pl_decay: float = 0.01
    pl_batch_shrink: int = 2
    style_mixing: float = 0.9
    """Probability that a training picture is made of two latents."""
    ema_kimg: float = 10.0
    """Half-life of the generator's moving average, in thousands of pictures."""
    ema_rampup: float | None = None
    """The half-life is at most this share of the pictures seen so far; None: no ramp."""
    ema_power: tuple[float, ...] = ()
    """Relative lengths of power-function averages kept beside the other, from whose snapshots an average of any length
    can be made afterwards (post-hoc EMA)."""
    augment: Augment = field(default_factory=Augment)
    blur_sigma: float = 0.0
    """At the start the discriminator sees every picture blurred by this many pixels (StyleGAN3-R)."""
    blur_fade_kimg: float = 0.0
    """The blur falls linearly to 0 over so many thousand pictures."""
    freeze_d: int = 0
    """The discriminator's first so many layers stay as they are (Freeze-D), for transfer."""
    growth: Growth | None = None
    """Progressive growing; None: the whole networks from the start."""
    anneal_from_kimg: float | None = None
    """The learning rates fall linearly to 0 from here; None: they stay."""
    anneal_to_kimg: float | None = None
    """Where they reach 0."""
    reuse_fakes: bool = False
    """The discriminator learns from the pictures the generator has just been trained on, instead of fresh ones."""
    accumulate: int = 1
    """A batch is processed in so many parts, to fit in memory; the result is that of the whole batch."""
    precision: Precision = "float32"


@dataclass(frozen=True)
class Outputs:
    """What a run writes and how often. May change when a run is continued."""

    tick_kimg: float = 4.0
    snapshot_kimg: float = 200.0
    checkpoint_kimg: float = 200.0
    keep_checkpoints: int = 2
    metrics: tuple[str, ...] = ()
    """By name. Snapshots are compared by the first number of the first."""
    metric_ticks: int | None = None
    """Measure, and keep a snapshot, at every so many ticks; None: measure the snapshots there are."""
    metric_num: int | None = None
    """Generated pictures per metric; None: a published name's own number, 1,000 of the others."""
    features: tuple[str, ...] = ()
    """Files with the weights of networks that metrics need and the package does not hold."""
    device: str = "auto"
    workers: int | None = None
    """Processes that decode pictures ahead; None: as suits the machine."""
    compile: bool = False
    """The networks are compiled before the first batch: a minute or more, for long runs. Rounding differs."""


@dataclass(frozen=True)
class Guard:
    """What watches over a training without eyes: diversity, a small Fréchet distance, the discriminator's certainty."""

    on_collapse: Literal["off", "warn", "rollback", "stop"] = "warn"
    """'rollback': go back to the best state and continue from there with a quarter of the learning rates (overfitting,
    which that does not cure, is warned of)."""
    every_kimg: float = 20.0
    """Measure on every so many thousand pictures."""
    images: int = 200
    """Generated pictures per measurement."""
    rollbacks: int = 3
    """After so many the run ends."""


@dataclass(frozen=True)
class Run:
    """A training run."""

    preset: str = "stylegan2"
    start_from: str = ""
    """A model whose weights the networks start from; empty: random weights."""
    generator: GeneratorConfig = field(default_factory=StyleGAN2)
    discriminator: DiscriminatorConfig = field(default_factory=Discriminator)
    data: Data = field(default_factory=Data)
    training: Training = field(default_factory=Training)
    guard: Guard = field(default_factory=Guard)
    outputs: Outputs = field(default_factory=Outputs)
