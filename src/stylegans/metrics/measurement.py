"""A number and everything it needs to mean something."""

from dataclasses import dataclass, field

import numpy as np

from stylegans.metrics.attributes import LinearAttributes
from stylegans.metrics.recipes import Better


@dataclass(frozen=True)
class Measurement:
    """What one metric says of one model."""

    name: str
    """The recipe's."""
    values: dict[str, float]
    """By name; the first is what models are compared by."""
    num_generated: int
    num_real: int
    """0: no real picture was looked at."""
    seed: int
    features: str
    """The network that saw the pictures; 'pixels' for none."""
    features_sha256: str
    """Of its weights."""
    definition: str
    """What the metric is, in words."""
    protocol: str
    """Which pictures it was given, in words."""
    better: Better = "lower"
    """Of the first value; '': neither, it should be what real pictures have."""
    real: dict[str, float] = field(default_factory=dict)
    """The same of real pictures, where that has a meaning. Of a distance it is its floor: between two random halves of
    the real pictures, about what a perfect generator would get. The halves hold half as many pictures, and fewer
    pictures make a distance larger: a good model may fall below."""
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Of some values, a 95 % interval."""
    details: dict[str, object] = field(default_factory=dict)
    """What else a reader may want to know: how good the classifiers were, how many samples a limit left out."""
    figures: dict[str, np.ndarray] = field(default_factory=dict)
    """Pictures [H, W, C] by name."""
    learnt: LinearAttributes | None = None
    """Attribute classifiers that were trained on the way, to be kept."""
    seconds: float = 0.0
    """What it took, the shared pass over the pictures left out."""

    @property
    def value(self) -> float:
        """The first of its values."""
        return next(iter(self.values.values()))

    @property
    def floor(self) -> float | None:
        """What real pictures get for ``value``."""
        return next(iter(self.real.values()), None)

    def __str__(self) -> str:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in self.values.items())
        counts = f"{self.num_generated} generated" + f", {self.num_real} real" * bool(self.num_real)
        real = "; real against real " + ", ".join(f"{value:.4g}" for value in self.real.values()) if self.real else ""
        return f"{numbers} ({counts}, features {self.features}, seed {self.seed}{real})"
