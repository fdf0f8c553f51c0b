"""What changes while a training goes on, as functions of the pictures seen."""

from stylegans.config import Training


def learning_rate_factor(training: Training, images: int) -> float:
    """What the learning rates are multiplied by: 1, then falling linearly to 0 where annealing is asked for."""
    start, end = training.anneal_from_kimg, training.anneal_to_kimg
    if start is None or end is None:
        return 1.0
    return min(max((end - images / 1000) / (end - start), 0.0), 1.0)
