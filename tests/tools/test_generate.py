from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import UserError
from stylegans.networks.protocol import Noise
from stylegans.tools.generate import (
    class_report,
    classes,
    generate,
    labels,
    latent,
    parse_label,
    parse_seeds,
    spelled,
    styles,
)


def images(G: Any, seeds: tuple[int, ...], **options: Any) -> torch.Tensor:
    return torch.cat([pictures for _, pictures in generate(G, seeds, **options)])


def test_the_latent_of_a_seed_is_the_fields() -> None:
    z = latent(7, 512)
    assert z.dtype == torch.float32
    assert z.shape == (1, 512)
    np.testing.assert_array_equal(z.numpy(), np.random.RandomState(7).randn(1, 512).astype(np.float32))


def test_seeds_are_numbers_and_inclusive_ranges_in_the_order_given() -> None:
    assert parse_seeds("0-3,20,7") == (0, 1, 2, 3, 20, 7)
    assert parse_seeds(" 5 , 1 - 2,5") == (5, 1, 2, 5)
    assert parse_seeds("4294967295") == (2**32 - 1,)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 20)), min_size=1, max_size=5))
def test_seeds_that_were_written_are_read_back(spans: list[tuple[int, int]]) -> None:
    spans = [(low, min(low + more, 2**32 - 1)) for low, more in spans]
    text = ",".join(f"{low}-{high}" for low, high in spans)
    assert parse_seeds(text) == tuple(seed for low, high in spans for seed in range(low, high + 1))


@given(seeds=st.lists(st.integers(0, 30), min_size=1, max_size=20, unique=True))
def test_spelled_seeds_are_read_back(seeds: list[int]) -> None:
    assert parse_seeds(spelled(seeds)) == tuple(seeds)


def test_a_million_seeds_are_spelled_shortly() -> None:
    assert spelled(range(1_000_000)) == "0-999999"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a seed"),
        ("1,,2", "'' is not a seed"),
        ("one", "'one' is not a seed"),
        ("-1", "'-1' is not a seed"),
        ("1.5", "'1.5' is not a seed"),
        ("1-2-3", "'1-2-3' is not a seed"),
        ("1-", "'1-' is not a seed"),
        ("²", "'²' is not a seed"),
        ("9-3", "write 3-9"),
        ("4294967296", "seeds go up to 4294967295"),
        ("0-4294967295", "more than 1000000 seeds"),
        ("0-999999,0-999999", "more than 1000000 seeds"),
    ],
)
def test_what_is_no_seed_is_refused_by_the_options_name(text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as refusal:
        parse_seeds(text, option="--rows")
    assert str(refusal.value).startswith("--rows: ")


@pytest.mark.parametrize("noise", ["const", "random", "none"])
def test_a_picture_does_not_depend_on_its_batch(generator: Any, noise: Noise) -> None:
    seeds = (3, 1, 4, 1, 5)
    together = images(generator, seeds, noise=noise, batch=5)
    apart = images(generator, seeds, noise=noise, batch=2)
    alone = images(generator, (4,), noise=noise)
    assert together.dtype == torch.float32
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together[2:3], alone, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together[1], together[3], rtol=1e-4, atol=1e-4)


def test_random_noise_is_the_seeds_and_leaves_the_callers_random_numbers_alone(generator: Any) -> None:
    state = torch.get_rng_state()
    random, const = images(generator, (1,), noise="random"), images(generator, (1,))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(random, images(generator, (1,), noise="random"))
    assert (random - const).abs().max() > 1e-3


def test_a_picture_is_what_the_network_makes_of_the_seeds_latent(generator: Any) -> None:
    torch.testing.assert_close(images(generator, (6,)), generator(latent(6, 16)), rtol=1e-5, atol=1e-5)
    truncated = generator(latent(6, 16), truncation=0.5, truncation_layers=2)
    torch.testing.assert_close(
        images(generator, (6,), truncation=0.5, truncation_layers=2), truncated, rtol=1e-5, atol=1e-5
    )


def test_seeds_come_back_with_their_pictures(generator: Any) -> None:
    assert [(seeds, len(pictures)) for seeds, pictures in generate(generator, (8, 2, 5), batch=2)] == [
        ((8, 2), 2),
        ((5,), 1),
    ]


def test_a_class_is_the_one_asked_for_or_drawn_by_the_seed_alone(conditional: Any) -> None:
    drawn = classes(conditional, tuple(range(40)))
    assert set(drawn) == set(range(5))
    assert classes(conditional, (7,)) == (drawn[7],)
    one_hot = labels(conditional, (7, 8), 3)
    assert one_hot is not None
    assert one_hot.tolist() == [[0, 0, 0, 1, 0]] * 2


def test_drawn_classes_are_reported_and_chosen_ones_need_not_be(conditional: Any, generator: Any) -> None:
    (drawn,) = classes(conditional, (7,))
    assert class_report(conditional, (7,)) == f"classes (drawn by seed; --class chooses): seed 7 class {drawn}"
    assert class_report(conditional, (7,), 1) is None
    assert class_report(generator, (7,)) is None


def test_a_conditional_model_draws_its_class(conditional: Any) -> None:
    c = torch.eye(5)[[2]]
    expected = conditional(latent(0, 16), c)
    torch.testing.assert_close(images(conditional, (0,), label=2), expected, rtol=1e-5, atol=1e-5)


def test_a_label_of_several_numbers_is_the_vector_itself(conditional: Any) -> None:
    vector = (0.0, 1.0, 1.0, 0.0, -2.5)
    given = labels(conditional, (0, 1), vector)
    assert given is not None
    assert given.tolist() == [list(vector)] * 2
    expected = conditional(latent(0, 16), torch.tensor([vector]))
    torch.testing.assert_close(images(conditional, (0,), label=vector), expected, rtol=1e-5, atol=1e-5)
    assert class_report(conditional, (7,), vector) is None


@pytest.mark.parametrize(
    ("text", "c_dim", "label"),
    [("3", 5, 3), ("-1", 5, -1), ("0, 1,1,0", 4, (0, 1, 1, 0)), ("-1.5,2e-1", 2, (-1.5, 0.2)), ("0", 1, (0.0,))],
)
def test_a_label_is_a_class_or_numbers(text: str, c_dim: int, label: object) -> None:
    assert parse_label(text, c_dim) == label


@pytest.mark.parametrize("text", ["", "cat", "1.5", "1,", "1,x", "nan,0,0,0,0", "inf,0,0,0,0"])
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=f"--class: '{text}' is neither a class like 3 nor numbers like 0,1,1,0"):
        parse_label(text, 5)


def test_truncation_zero_is_the_average_for_every_seed(generator: Any) -> None:
    ws = styles(generator, (1, 2), truncation=0)
    torch.testing.assert_close(ws, generator.mapping.w_avg.expand_as(ws))


def test_options_that_make_no_sense_for_the_model_are_refused_by_name(generator: Any, conditional: Any) -> None:
    for options, complaint in (
        ({"label": 0}, "--class: this model has no classes"),
        ({"truncation": float("nan")}, "--truncation: nan"),
        ({"truncation_layers": 9}, "--truncation-layers: 9 is not between 0 and this model's 8"),
        ({"truncation_layers": -1}, "--truncation-layers: -1"),
        ({"batch": 0}, "--batch: 0"),
    ):
        with pytest.raises(UserError, match=complaint):
            images(generator, (0,), **options)
    for index in (5, -1):
        with pytest.raises(UserError, match=f"--class: {index} is none of this model's classes, 0 to 4"):
            images(conditional, (0,), label=index)
    with pytest.raises(UserError, match="--class: 2 numbers, but this model's labels have 5"):
        images(conditional, (0,), label=(1.0, 0.0))


def test_a_model_without_mapping_network_draws_too(one_style: Any) -> None:
    assert images(one_style, (0, 1, 2), batch=2).shape == (3, 3, 4, 4)
