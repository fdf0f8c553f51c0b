from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import UserError
from stylegans.tools.directions.conditional import conditional, orthogonal
from stylegans.tools.directions.files import Direction
from stylegans.tools.directions.spread import spread

LATENTS = torch.randn(500, 8, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 9)


def direction(name: str, seed: int) -> Direction:
    return Direction(name, torch.randn(8, generator=torch.Generator().manual_seed(seed)))


@given(seed=st.integers(0, 1000), count=st.integers(1, 6))
def test_what_is_left_is_orthogonal_to_all_the_others(seed: int, count: int) -> None:
    others = [direction(f"other{i}", 1000 + seed + i) for i in range(count)]
    found = conditional(direction("one", seed), others, spread([LATENTS]))
    for other in others:
        cosine = torch.nn.functional.cosine_similarity(found.vector, other.vector, dim=0)
        assert abs(float(cosine)) < 1e-5


def test_beside_one_other_it_is_the_papers_formula() -> None:
    one, other = direction("one", 1).vector, torch.nn.functional.normalize(direction("other", 2).vector, dim=0)
    torch.testing.assert_close(orthogonal(one, [3 * other]).float(), one - (one @ other) * other)


def test_others_in_one_line_take_away_no_more_than_one() -> None:
    one, other = direction("one", 1).vector, direction("other", 2).vector
    torch.testing.assert_close(orthogonal(one, [other, -2 * other, other]), orthogonal(one, [other]))


def test_its_strength_is_measured_anew() -> None:
    along = spread([LATENTS])
    found = conditional(direction("one", 1), [direction("other", 2)], along)
    assert found.deviation == pytest.approx(along.along(found.vector), rel=1e-6)
    assert 0 < found.facts["left"] < 1


def test_nothing_left_is_refused() -> None:
    with pytest.raises(UserError, match="--against: nothing of one is left beside other"):
        conditional(direction("one", 1), [replace(direction("one", 1), name="other")], spread([LATENTS]))


def test_another_space_or_a_vector_for_each_layer_is_refused() -> None:
    one, along = direction("one", 1), spread([LATENTS])
    with pytest.raises(UserError, match="other is of another space than one"):
        conditional(one, [replace(direction("other", 2), space="z")], along)
    with pytest.raises(UserError, match="other has a vector for each layer"):
        conditional(one, [Direction("other", torch.ones(3, 8))], along)
