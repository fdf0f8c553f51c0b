"""Kernels run on the GPU where there is one, else in Triton's interpreter."""

import importlib.util
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from stylegans.ops.dispatch import kernels, use_kernels

if importlib.util.find_spec("triton") is None:  # not imported here: whether it interprets is settled when it is
    collect_ignore_glob = ["test_*.py"]

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    if DEVICE == "cpu":
        monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert use_kernels(torch.zeros(1, device=DEVICE))


@pytest.fixture(scope="session")
def device() -> str:
    return DEVICE


@pytest.fixture(scope="session")
def twins(with_derivatives: Callable[..., list[Tensor]]) -> Callable[..., list[tuple[Tensor, Tensor]]]:
    """Pairs (kernel, plain PyTorch in float64) of an op's value, first and second derivatives."""

    def both(op: Callable[..., Tensor], inputs: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
        results = []
        for by_kernel in (True, False):
            with kernels(by_kernel):
                wanted = [t.to(t.dtype if by_kernel else torch.float64).detach().requires_grad_() for t in inputs]
                results.append(with_derivatives(op(*wanted), wanted))
        return list(zip(*results, strict=True))

    return both
