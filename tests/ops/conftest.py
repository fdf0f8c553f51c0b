from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def with_derivatives() -> Callable[[Tensor, Sequence[Tensor]], list[Tensor]]:
    """A value with its first and second derivatives with respect to all inputs, to compare two forms of an op by."""

    def found(y: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
        first = torch.autograd.grad(y.pow(3).sum(), inputs, create_graph=True)
        return [y, *first, *torch.autograd.grad(sum(g.pow(2).sum() for g in first), inputs)]

    return found
