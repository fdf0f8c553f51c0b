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
def twins(with_derivatives: Callable[..., list[Tensor]]) -> Callable[..., list[tuple[Tensor, Tensor, Tensor]]]:
    """Triples of an op's value, first and second derivatives: by kernel; by plain PyTorch in float64; and how far from
    the latter plain PyTorch in the inputs' own type comes, a norm that sums which cancel make large."""

    def in_turn(op: Callable[..., Tensor], inputs: Sequence[Tensor]) -> list[tuple[Tensor, Tensor, Tensor]]:
        def results(by_kernel: bool, dtype: torch.dtype | None) -> list[Tensor]:
            with kernels(by_kernel):
                wanted = [t.to(dtype or t.dtype).detach().requires_grad_() for t in inputs]
                return with_derivatives(op(*wanted), wanted)

        exact = results(False, torch.float64)
        rounded = results(False, None)
        rounding = [(ours - best).norm() for ours, best in zip(rounded, exact, strict=True)]
        return list(zip(results(True, None), exact, rounding, strict=True))

    return in_turn
