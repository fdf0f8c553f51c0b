import pytest
import torch

from stylegans.ops.eager import eager, freely


def test_results_may_be_written_in_place_where_no_gradients_are_kept():
    x, w = torch.ones(2), torch.ones(2, requires_grad=True)
    assert freely(x, None)
    assert not freely(x, w)
    with torch.no_grad():
        assert freely(x, w)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`")
def test_not_while_derivatives_are_taken_forward_or_functions_transformed():
    seen = []

    def look(x):
        seen.append((eager(x), freely(x)))
        return x * 2

    torch.func.jvp(look, (torch.ones(2),), (torch.ones(2),))
    torch.func.vmap(look)(torch.ones(2, 2))
    assert seen == [(False, False)] * 2
