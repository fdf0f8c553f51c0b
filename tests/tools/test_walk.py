from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.tools.generate import generate, latents, styles
from stylegans.tools.walk import ease, lerp, loop, slerp, walk, walk_styles

GOLDEN = Path(__file__).parent.parent / "golden" / "ada_metrics.npz"


def test_slerp_of_unit_vectors_is_the_published_one() -> None:
    golden = np.load(GOLDEN)
    a, b, t = (torch.from_numpy(golden[f"in/slerp_{name}"]) for name in "abt")
    unit_a, unit_b = (v / v.norm(dim=-1, keepdim=True) for v in (a, b))
    torch.testing.assert_close(slerp(unit_a, unit_b, t), torch.from_numpy(golden["out/slerp"]), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(lerp(a, b, t), torch.from_numpy(golden["out/lerp"]))


@given(seed=st.integers(0, 1000), dim=st.integers(2, 20))
def test_slerp_turns_evenly_and_begins_and_ends_where_it_should(seed: int, dim: int) -> None:
    a, b = torch.randn(2, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    at = [slerp(a, b, torch.tensor(t, dtype=torch.float64)) for t in (0, 0.25, 0.5, 0.75, 1)]
    torch.testing.assert_close(at[0], a)
    torch.testing.assert_close(at[4], b)
    angles = [float(torch.arccos(torch.cosine_similarity(x, y, dim=0).clamp(-1, 1))) for x, y in pairwise(at)]
    assert angles == pytest.approx([angles[0]] * 4, abs=1e-4)
    torch.testing.assert_close(at[2].norm(), (a.norm() + b.norm()) / 2)


def test_slerp_between_vectors_in_line_is_straight() -> None:
    a = torch.tensor([1.0, 2, 3])
    half = torch.tensor(0.5)
    torch.testing.assert_close(slerp(a, a, half), a)
    torch.testing.assert_close(slerp(a, 3 * a, half), 2 * a)
    assert slerp(a, -a, half).isfinite().all()
    assert slerp(a, 0 * a, half).isfinite().all()


def test_easing_starts_and_ends_at_rest_and_goes_on_all_the_while() -> None:
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    y = ease(t)
    assert (y[0], y[-1], y[50]) == (0, 1, 0.5)
    steps = y.diff()
    assert (steps > 0).all()
    assert max(steps[0], steps[-1]) < 0.05 * steps.max()


def test_a_loop_shows_each_keyframe_once_and_no_frame_twice() -> None:
    steps = list(loop(3, 4))
    assert len(steps) == 12
    assert [(a, b) for a, b, t in steps if t == 0] == [(0, 1), (1, 2), (2, 0)]
    assert all(t < 1 for _, _, t in steps)
    assert len(set(steps)) == 12


@pytest.mark.parametrize("space", ["w", "z"])
def test_every_seed_is_passed_and_shows_its_own_picture(generator: Any, space: Any) -> None:
    frames = list(walk(generator, (1, 5, 9), space=space, frames=4, truncation=0.7))
    assert len(frames) == 12
    ((_, images),) = generate(generator, (1, 5, 9), truncation=0.7)
    for key, picture in enumerate(to_uint8(images)):
        assert np.abs(frames[4 * key].astype(int) - picture).max() <= 1


def test_in_w_the_walk_goes_straight_through_the_styles(generator: Any) -> None:
    keys = styles(generator, (1, 5))
    ws = torch.cat(list(walk_styles(generator, (1, 5), frames=2)))
    torch.testing.assert_close(ws[1], (keys[0] + keys[1]) / 2)
    torch.testing.assert_close(ws[3], ws[1])


def test_in_z_the_walk_goes_on_the_arc_of_the_latents(generator: Any) -> None:
    z = latents(generator, (1, 5))
    ws = torch.cat(list(walk_styles(generator, (1, 5), space="z", frames=2)))
    middle = generator.mapping(slerp(z[:1], z[1:], torch.tensor(0.5)))
    torch.testing.assert_close(ws[1:2], middle)


@pytest.mark.parametrize("space", ["w", "z"])
def test_the_walk_rests_at_every_seed_also_where_it_closes(generator: Any, space: Any) -> None:
    ws = torch.cat(list(walk_styles(generator, (1, 5, 9), space=space, frames=30)))
    steps = (torch.cat([ws[1:], ws[:1]]) - ws).flatten(1).norm(dim=1)
    for key in (0, 30, 60):
        assert max(steps[key], steps[key - 1]) < 0.1 * steps.max()


def test_a_conditional_model_walks_through_its_classes(conditional: Any) -> None:
    ws = torch.cat(list(walk_styles(conditional, (1, 2), space="z", frames=3)))
    torch.testing.assert_close(ws[[0, 3]], styles(conditional, (1, 2)))
    assert len(list(walk(conditional, (1, 2), frames=1, label=3))) == 2


def test_a_walk_that_leads_nowhere_is_refused(generator: Any) -> None:
    with pytest.raises(UserError, match="--seeds: a walk needs at least two"):
        walk(generator, (1,))
    with pytest.raises(UserError, match="--frames: 0"):
        walk(generator, (1, 2), frames=0)
    with pytest.raises(UserError, match="--class: this model has no classes"):
        walk(generator, (1, 2), label=0)
    with pytest.raises(UserError, match="--truncation: nan"):
        walk(generator, (1, 2), space="z", truncation=float("nan"))
