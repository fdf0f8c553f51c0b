import pytest

from stylegans.config import Optimizer
from stylegans.training.phases import Term, lazy_correction, phases


def term(name, player, interval=1):
    return Term(name, player, lambda state, sample: sample.images, interval)


def test_dense_terms_share_a_step_and_lazy_ones_take_their_own():
    chosen = [
        term("R1", "discriminator", 16),
        term("D", "discriminator"),
        term("aux", "discriminator"),
        term("G", "generator"),
    ]
    steps = [(step.player, [t.name for t in step.terms], step.interval, step.every) for step in phases(chosen)]
    assert steps == [
        ("generator", ["G"], 1, 1),
        ("discriminator", ["D", "aux"], 1, 1),
        ("discriminator", ["R1"], 16, 16),
    ]


def test_more_critic_steps_make_the_generator_rarer_but_not_heavier():
    chosen = [term("G", "generator"), term("path", "generator", 4), term("D", "discriminator")]
    steps = [(step.terms[0].name, step.interval, step.every) for step in phases(chosen, d_steps=5)]
    assert steps == [("G", 1, 5), ("path", 4, 20), ("D", 1, 1)]


@pytest.mark.parametrize(("interval", "c"), [(16, 16 / 17), (4, 4 / 5), (1, 1)])
def test_adam_is_slowed_down_as_published(interval, c):
    corrected = lazy_correction(Optimizer(lr=0.002, beta1=0.5, beta2=0.99), [1, interval])
    assert corrected.lr == pytest.approx(0.002 * c)
    assert corrected.beta1 == pytest.approx(0.5**c)
    assert corrected.beta2 == pytest.approx(0.99**c)


@pytest.mark.parametrize("kind", ["sgd", "rmsprop"])
def test_the_other_optimizers_are_left_alone(kind):
    optimizer = Optimizer(kind=kind, lr=0.1, beta1=0.5)
    assert lazy_correction(optimizer, [16]) == optimizer
