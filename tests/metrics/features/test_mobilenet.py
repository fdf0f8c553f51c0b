import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from stylegans.data.builtin import EMBEDDED
from stylegans.metrics.features import mobilenet


@pytest.fixture(scope="module")
def network() -> mobilenet.MobileNetV2:
    return mobilenet.load()


def scene(kind: str, seed: int) -> np.ndarray:
    """A picture uint8 [3, 64, 64] of one of three kinds, each different by seed."""
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.integers(0, 256, (3, 64, 64), dtype=np.uint8)
    picture = Image.new("RGB", (64, 64), tuple(rng.integers(150, 256, 3).tolist()))
    draw = ImageDraw.Draw(picture)
    ink = tuple(rng.integers(0, 120, 3).tolist())
    if kind == "disc":
        x, y, r = rng.integers(24, 40), rng.integers(24, 40), rng.integers(10, 20)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    else:
        for x in range(int(rng.integers(0, 6)), 64, int(rng.integers(6, 10))):
            draw.line((x, 0, x, 63), fill=ink, width=2)
    return np.asarray(picture).transpose(2, 0, 1).copy()


def test_the_network_has_the_papers_size() -> None:
    # 3.4 million in table 4, of them 1,281,000 in the classifier; the folded batch normalisations leave a bias each
    # where they had a scale and a shift
    net = mobilenet.MobileNetV2()
    count = sum(p.numel() for p in net.parameters())
    assert sum(p.numel() for p in net.classifier.parameters()) == 1_281_000
    biases = sum(p.numel() for name, p in net.named_parameters() if name.endswith("bias")) - net.classifier.out_features
    assert count + biases == 3_504_872
    assert len(net.blocks) == 17


def test_features_are_finite_positive_float32_whatever_the_size_and_channels(network: mobilenet.MobileNetV2) -> None:
    for channels, size in ((1, (28, 28)), (3, (40, 24)), (4, (300, 260))):
        features = network(torch.randint(0, 256, (2, channels, *size), dtype=torch.uint8))
        assert features.shape == (2, network.dim)
        assert features.dtype == torch.float32
        assert features.isfinite().all()
        assert (features >= 0).all()
        assert features.std() > 0.1


def test_features_do_not_depend_on_the_batch(network: mobilenet.MobileNetV2) -> None:
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-4)


def test_pictures_of_a_kind_lie_together(network: mobilenet.MobileNetV2) -> None:
    kinds = ("noise", "disc", "stripes")
    images = np.stack([scene(kind, seed) for kind in kinds for seed in range(4)])
    features = network(torch.from_numpy(images))
    distances = torch.cdist(features, features).fill_diagonal_(torch.inf)
    nearest = distances.argmin(dim=1) // 4
    assert nearest.tolist() == [kind for kind in range(3) for _ in range(4)]


def test_known_pictures_are_what_the_original_network_says_they_are(
    network: mobilenet.MobileNetV2, golden: Callable, relative_error: Callable
) -> None:
    """An ambulance, an abacus, a football…: ``config["how"]`` says how the original's logits were computed."""
    known = golden("mobilenet_logits")
    with zipfile.ZipFile(EMBEDDED["emoji"].archive) as archive:
        emoji = [Image.open(archive.open(f"{name}.webp")).convert("RGB") for name in known.config["pictures"]]
    images = torch.from_numpy(np.stack(emoji)).permute(0, 3, 1, 2)
    logits = network.logits(network(images))
    assert logits.shape == (12, mobilenet.CLASSES)
    for found, expected, top in zip(logits, known.outputs["logits"], known.outputs["top5"], strict=True):
        assert found.topk(5).indices.tolist() == top.tolist()
        assert relative_error(found, expected) < 4e-4


def test_logits_are_linear_in_the_features(network: mobilenet.MobileNetV2) -> None:
    a, b = torch.rand(2, 3, network.dim)
    torch.testing.assert_close(network.logits((a + b) / 2), (network.logits(a) + network.logits(b)) / 2)
