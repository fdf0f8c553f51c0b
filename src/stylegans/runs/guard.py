"""The guard's judgement: collapse, divergence and overfitting, from signals over time.

Pure: from the history of looks (``runs/observer.py`` makes them) to a verdict in plain words. The history is all there
is to remember; a checkpoint holds it, and a continued run judges like one that was never stopped.

The thresholds were chosen with a wide margin on both sides of what short trainings showed, healthy and spoilt on
purpose: a warning that cries wolf is switched off.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from stylegans.config import Training

Kind = Literal["collapse", "divergence", "overfitting"]

PATIENCE = 3
"""A finding that noise could bring about must hold for so many looks in a row."""

QUIET = 10
"""The same kind of verdict is not said again before so many looks without it."""

ALIKE = 0.1
"""Pictures less varied than this share of the real ones are all the same; healthy trainings showed at least 0.35,
even in their first thousands of pictures."""

REPEATED = 0.1
"""Where the picture most like a picture is nearer than this share of the real ones', a few are repeated; healthy
trainings showed at least 0.3."""

LOST = 0.5
"""A generator left with less than this share of the variety it once had is collapsing; healthy ones kept 0.8."""

EXPLODED = 1e4
"""No loss of a healthy game is this large, whichever loss it is; healthy ones showed at most 15."""

WILD = 100.0
"""Nor, for several looks, this large, except a critic's, whose scale is its own: a training that had exploded and
never found back showed 400 and more."""

FAR = 2.0
"""A distance so many times the best is no fluctuation."""

RISEN = 1.25
"""A distance so many times the best, for several looks, is no longer improving."""

CERTAIN = 0.9
"""A discriminator whose mean sign on real pictures is above this knows them by heart, where it also gets no better."""

FULL = 0.95
"""ADA's probability from which there is no more to come."""

CRITICS = ("wgan", "wgan-gp")
"""Losses that are differences of scores, of any size."""

SIGNED = ("non-saturating", "saturating", "hinge")
"""Losses under which a score's sign says real or generated."""


@dataclass(frozen=True)
class Signals:
    """What one look saw."""

    images: int
    """Real pictures the training had seen."""
    lod: float
    """The stage of growth: 0 is the whole network."""
    diversity: float
    """Mean LPIPS between pairs of the averaged generator's pictures, over that of the real ones."""
    diversity_raw: float
    """The same of the generator in training, of fewer pictures."""
    nearest: float | None
    """Median distance of a generated picture to the one most like it, over that of the real ones; None: too few."""
    distance: float | None
    """A small Fréchet distance between generated and real pictures; None: they cannot be measured."""
    averages: dict[str, float]
    """Means of the losses and statistics since the last tick, by name."""

    @property
    def kimg(self) -> float:
        return self.images / 1000

    @property
    def sign_real(self) -> float | None:
        """Mean sign of the discriminator's scores of real pictures; None: not recorded."""
        return self.averages.get("signs_real")

    @property
    def augment_p(self) -> float:
        return self.averages.get("augment_p", 0.0)


@dataclass(frozen=True)
class Verdict:
    """What is wrong, and what to change."""

    kind: Kind
    message: str


def judge(history: Sequence[Signals], *, training: Training) -> Verdict | None:
    """What the newest look means together with those before it; None: nothing, or nothing new.

    Said once: the same kind is repeated only after ``QUIET`` looks without it.
    """
    verdict = diagnose(history, training=training)
    if verdict is None:
        return None
    earlier = (diagnose(history[:end], training=training) for end in range(max(1, len(history) - QUIET), len(history)))
    return None if any(known is not None and known.kind == verdict.kind for known in earlier) else verdict


def diagnose(history: Sequence[Signals], *, training: Training) -> Verdict | None:
    """What the newest look means, whether or not it was said before. The most certain finding comes first."""
    if not history:
        return None
    for find in (explosion, collapse, overfitting, drifting):
        verdict = find(history, training)
        if verdict is not None:
            return verdict
    return None


def best(history: Sequence[Signals]) -> int | None:
    """The number of the look with the smallest distance; None where none has one."""
    known = [(look.distance, number) for number, look in enumerate(history) if _known(look)]
    return min(known)[1] if known else None


def seen(look: Signals) -> dict[str, float]:
    """The numbers of a look that belong in a log."""
    values = {name: getattr(look, name) for name in ("diversity", "diversity_raw", "nearest", "distance")}
    return {name: value for name, value in values.items() if value is not None}


def to_dict(look: Signals) -> dict[str, Any]:
    """For a checkpoint, exactly."""
    return asdict(look)


def from_dict(values: dict[str, Any]) -> Signals:
    return Signals(**values)


# --- the findings ---------------------------------------------------------------------------------------------------


def explosion(history: Sequence[Signals], training: Training) -> Verdict | None:
    """A loss that is no number, or that no game has."""
    averages = history[-1].averages
    spoilt = next((name for name, value in averages.items() if not math.isfinite(value)), None)
    if spoilt is not None:
        return Verdict("divergence", f"{spoilt} is no longer a finite number. {_calmer(training)}")
    name, value = _largest_loss(history[-1])
    wild = training.loss not in CRITICS and all(_largest_loss(look)[1] > WILD for look in history[-PATIENCE:])
    if value > EXPLODED or (wild and len(history) >= PATIENCE):
        return Verdict("divergence", f"the training has diverged: {name} is {value:.2g} in size. {_calmer(training)}")
    return None


def collapse(history: Sequence[Signals], training: Training) -> Verdict | None:
    """Pictures that are all alike, that repeat each other, or that have lost much of their variety."""
    stage = _stage(history)
    now = stage[-1]
    if _low(stage, lambda look: look.diversity, ALIKE):
        return _collapsed(f"they are {now.diversity:.0%} as varied as the real ones", training)
    if _low(stage, lambda look: 1.0 if look.nearest is None else look.nearest, REPEATED):
        return _collapsed("the same few come again and again", training)
    for what, share in (("averaged", _diversity), ("raw", _diversity_raw)):
        once = max((min(share(look), 1.0) for look in stage[:-PATIENCE]), default=0.0)
        if len(stage) > PATIENCE and all(share(look) < LOST * once for look in stage[-PATIENCE:]):
            seen_now = f"those of the {what} generator are {share(now):.0%} as varied as the real ones"
            return _collapsed(f"{seen_now}, and were {once:.0%}", training)
    return None


def overfitting(history: Sequence[Signals], training: Training) -> Verdict | None:
    """A discriminator certain of the real pictures while the generated ones get no better."""
    if training.loss not in SIGNED:
        return None
    augment = training.augment
    limit = augment.target if augment.mode == "ada" else CERTAIN
    recent = _stage(history)[-PATIENCE:]
    signs = [look.sign_real for look in recent]
    certain = all(sign is not None and sign > limit for sign in signs)
    exhausted = augment.mode != "ada" or all(look.augment_p >= FULL for look in recent)
    if not (certain and exhausted) or _largest_loss(history[-1])[1] > WILD:
        return None
    rise = _rise(history)
    if rise is None or rise[0] < RISEN:
        return None
    return Verdict(
        "overfitting",
        f"the discriminator knows the pictures by heart: it takes {(1 + (signs[-1] or 0)) / 2:.0%} of them for real, "
        f"while the generated ones have got worse since {rise[1].kimg:g} kimg. {_remedy(training)}",
    )


def drifting(history: Sequence[Signals], training: Training) -> Verdict | None:
    """Pictures far worse than they once were."""
    rise = _rise(history)
    if rise is None or rise[0] < FAR:
        return None
    return Verdict(
        "divergence",
        f"the pictures have got much worse: {rise[0]:.1f} times as far from the real ones as at {rise[1].kimg:g} kimg. "
        f"{_calmer(training)}",
    )


def _largest_loss(look: Signals) -> tuple[str, float]:
    """The player's loss that is larger, sign aside: its name and size."""
    losses = {name: abs(look.averages.get(name, 0.0)) for name in ("loss_G", "loss_D")}
    name = max(losses, key=lambda player: losses[player])
    return name, losses[name]


def _stage(history: Sequence[Signals]) -> Sequence[Signals]:
    """The looks at the present stage of growth: those before saw another network."""
    start = len(history)
    while start and history[start - 1].lod == history[-1].lod:
        start -= 1
    return history[start:]


def _low(stage: Sequence[Signals], share: Callable[[Signals], float], limit: float) -> bool:
    """Whether a share is below a limit: at once where it was twice that before, else (a beginning) after a while."""
    if share(stage[-1]) >= limit:
        return False
    return any(share(look) > 2 * limit for look in stage) or all(
        len(stage) >= PATIENCE and share(look) < limit for look in stage[-PATIENCE:]
    )


def _rise(history: Sequence[Signals]) -> tuple[float, Signals] | None:
    """How many times the best distance before them the smallest of the newest looks is, and that best look."""
    stage = _stage(history)
    before, recent = stage[:-PATIENCE], stage[-PATIENCE:]
    found = best(before)
    if found is None or not all(_known(look) for look in recent):
        return None
    lowest = min(look.distance or 0.0 for look in recent)
    reference = before[found].distance or 0.0
    return (lowest / reference if reference > 0 else math.inf), before[found]


def _known(look: Signals) -> bool:
    return look.distance is not None and math.isfinite(look.distance)


def _diversity(look: Signals) -> float:
    return look.diversity


def _diversity_raw(look: Signals) -> float:
    return look.diversity_raw


# --- what to do -----------------------------------------------------------------------------------------------------


def _collapsed(seen_now: str, training: Training) -> Verdict:
    return Verdict("collapse", f"the generated pictures have become alike: {seen_now}. {_calmer(training)}")


def _calmer(training: Training) -> str:
    """Options that calm a game down, with values to start from."""
    rate = max(training.g_optimizer.lr, training.d_optimizer.lr)
    hints = [f"a smaller --lr (now {rate:g}; {rate / 2:g} is half)"]
    if training.gp_weight == 0 and training.weight_clip is None:
        gamma = training.r1_gamma
        hints.append(f"a larger --gamma (now {gamma:g}; next {gamma * 4:g})" if gamma else "--gamma 1 (now 0)")
    if training.precision != "float32":
        hints.append("--precision float32")
    return f"In a new --out, try {_either(hints)}"


def _remedy(training: Training) -> str:
    """Options against overfitting that are not in use."""
    mode = training.augment.mode
    hints = {
        "none": ["--aug ada"],
        "fixed": ["--aug ada, or a larger --aug-p"],
        "diffaugment": ["--aug ada"],
        "ada": [f"a larger --gamma (now {training.r1_gamma:g})"],
    }[mode]
    return f"Try {_either([*hints, 'more pictures', '--xflip', 'a trained model to start --from'])}"


def _either(hints: Sequence[str]) -> str:
    return hints[0] if len(hints) == 1 else f"{', '.join(hints[:-1])} or {hints[-1]}"
