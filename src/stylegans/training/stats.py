"""Running means of what a training reports. They stay on the device until somebody reads them."""

import torch
from torch import Tensor


class Averages:
    """Named means since the last ``reset``, in float64 where the device has it. A checkpoint holds them too."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Count in every element of ``values``."""
        total = values.detach().to(_exact(values.device)).sum()
        self._sums[name] = self._sums[name] + total if name in self._sums else total
        self._counts[name] = self._counts.get(name, 0) + values.numel()

    def means(self) -> dict[str, float]:
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}

    def not_finite(self) -> str | None:
        """The first name whose sum is infinite or not a number. Reads from the device."""
        if not self._sums:
            return None
        finite = torch.isfinite(torch.stack(list(self._sums.values()))).tolist()
        return next((name for name, good in zip(self._sums, finite, strict=True) if not good), None)

    def reset(self) -> None:
        self._sums.clear()
        self._counts.clear()

    def to_dict(self) -> dict[str, list[float]]:
        """Exact: JSON writes a float64 so that it reads back the same."""
        return {name: [float(total), self._counts[name]] for name, total in self._sums.items()}

    def load_dict(self, values: dict[str, list[float]], *, device: torch.device) -> None:
        self.reset()
        for name, (total, count) in values.items():
            self._sums[name] = torch.tensor(total, dtype=_exact(device), device=device)
            self._counts[name] = int(count)


def _exact(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64
