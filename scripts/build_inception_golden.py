"""Builds ``tests/golden/inception_features.npz``: what torch-fidelity's Inception makes of random weights and pictures.

    python -m pip install --no-deps --target ORACLE torch-fidelity==0.4.0 torchvision==0.28.0
    PYTHONPATH=ORACLE python scripts/build_inception_golden.py

(``--no-deps`` because torchvision would bring a torch of its own; the one that is installed is used.) The weights and
pictures come from ``numpy.random.RandomState``, the same on every machine, so that only the outputs are stored.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegans.metrics.features.inception import Inception
from stylegans.metrics.features.inception_weights import CLASSES, DIM, NAMES

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "inception_features.npz"
SIZES = ((28, 28), (64, 64), (299, 299), (400, 400), (96, 320), (411, 150))
OUTPUTS = {"features": "2048", "logits": "logits_unbiased"}
"""Our name → torch-fidelity's."""


def random_state(seed: int = 0) -> dict[str, Tensor]:
    """A state dict of the whole network under the names of the community's file; activations keep their scale."""
    random = np.random.RandomState(seed)

    def normal(*shape: int, scale: float) -> Tensor:
        return torch.from_numpy((random.randn(*shape) * scale).astype(np.float32))

    state = {}
    for name, convolution in zip(NAMES, Inception().convolutions(), strict=True):
        shape = tuple(convolution.weight.shape)
        state[f"{name}.conv.weight"] = normal(*shape, scale=(2 / np.prod(shape[1:])) ** 0.5)
        state[f"{name}.bn.weight"] = 1 + normal(shape[0], scale=0.1)
        state[f"{name}.bn.bias"] = normal(shape[0], scale=0.1)
        state[f"{name}.bn.running_mean"] = normal(shape[0], scale=0.1)
        state[f"{name}.bn.running_var"] = 1 + normal(shape[0], scale=0.1).abs()
    state["fc.weight"] = normal(CLASSES, DIM, scale=DIM**-0.5)
    state["fc.bias"] = normal(CLASSES, scale=1)
    return state


def pictures() -> list[Tensor]:
    """One picture uint8 [1, 3, height, width] of each of ``SIZES``."""
    random = np.random.RandomState(1)
    return [torch.from_numpy(random.randint(0, 256, (1, 3, *size)).astype(np.uint8)) for size in SIZES]


def oracle(state: dict[str, Tensor]) -> Any:
    """torch-fidelity's network with these weights: uint8 [N, 3, H, W] → a tuple of ``OUTPUTS``."""
    if not hasattr(torch.ops.torchvision, "nms"):  # torchvision without its operators is enough
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.pth"
        torch.save(state, path)
        names = list(OUTPUTS.values())
        return FeatureExtractorInceptionV3("inception", names, feature_extractor_weights_path=str(path))


def main() -> None:
    network = oracle(random_state())
    with torch.no_grad():
        found = [network(picture) for picture in pictures()]
    outputs = {name: torch.cat([parts[i] for parts in found]).numpy() for i, name in enumerate(OUTPUTS)}
    np.savez_compressed(GOLDEN, features=outputs["features"], logits=outputs["logits"])
    print(f"{GOLDEN}: {GOLDEN.stat().st_size:,} bytes; rms", {n: float(v.std()) for n, v in outputs.items()})


if __name__ == "__main__":
    main()
