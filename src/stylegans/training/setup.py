"""From a config to a state and the steps that train it."""

import torch

from stylegans.config import Run
from stylegans.training import objectives
from stylegans.training.phases import Phase, lazy_correction, phases
from stylegans.training.state import State, build


def start(config: Run, *, device: torch.device) -> tuple[State, list[Phase]]:
    """The state before the first batch, and the optimizer steps of every batch."""
    training = config.training
    terms = objectives.terms(training)
    intervals = {player: [t.interval for t in terms if t.player == player] for player in ("generator", "discriminator")}
    state = build(
        config,
        device=device,
        g_optimizer=lazy_correction(training.g_optimizer, intervals["generator"]),
        d_optimizer=lazy_correction(training.d_optimizer, intervals["discriminator"]),
    )
    return state, phases(terms, d_steps=training.d_steps)
