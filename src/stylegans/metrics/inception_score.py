"""The inception score (Salimans et al. 2016, "Improved Techniques for Training GANs", section 4).

exp E KL(p(y|x) ‖ p(y)): high where each picture is surely of one class and the classes are even. It looks at no real
picture, and between 1 and the number of classes says nothing about classes the classifier does not know.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class InceptionScore:
    """Over the splits."""

    mean: float
    """The score, between 1 and the number of classes."""
    std: float


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits [N, classes] → probabilities, in float64.

    The published score leaves the bias of the classifier's last layer out: give it logits without.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def inception_score(probabilities: np.ndarray, *, splits: int = 10) -> InceptionScore:
    """Of probabilities [N, classes], cut into ``splits`` consecutive parts with a marginal p(y) each.

    A part's score cannot exceed its number of pictures, and grows with it: scores from different numbers of pictures
    do not compare.

    Raises:
        ValueError: fewer pictures than splits.
    """
    count = len(probabilities)
    if not 1 <= splits <= count:
        raise ValueError(f"{count} pictures cannot be cut into {splits} splits")
    bounds = [count * i // splits for i in range(splits + 1)]
    scores = [_score(probabilities[a:b].astype(np.float64)) for a, b in pairwise(bounds)]
    return InceptionScore(mean=float(np.mean(scores)), std=float(np.std(scores)))


def _score(p: np.ndarray) -> float:
    marginal = p.mean(axis=0)
    # 0 log 0 is 0; where p is positive so is the marginal
    ratio = np.divide(p, marginal, out=np.ones_like(p), where=p > 0)
    return float(np.exp((p * np.log(ratio)).sum(axis=1).mean()))
