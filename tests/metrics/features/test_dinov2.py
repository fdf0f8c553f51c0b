import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import dinov2

WIDTH, DEPTH = 128, 3
HIDDEN = {"gelu": 512, "swiglu": 344}
KINDS = [("gelu", 0), ("swiglu", 0), ("gelu", 4)]


def tiny(kind: str, registers: int, side: int) -> dict[str, Tensor]:
    """A small network's random weights by Hugging Face's names, with position embeddings of ``side`` × ``side``."""
    hidden = HIDDEN[kind]
    linear = {"attention.attention.query": (WIDTH, WIDTH), "attention.attention.key": (WIDTH, WIDTH)}
    linear |= {"attention.attention.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH)}
    if kind == "gelu":
        linear |= {"mlp.fc1": (hidden, WIDTH), "mlp.fc2": (WIDTH, hidden)}
    else:
        linear |= {"mlp.weights_in": (2 * hidden, WIDTH), "mlp.weights_out": (WIDTH, hidden)}
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.cls_token": (1, 1, WIDTH),
        "embeddings.mask_token": (1, WIDTH),
        "embeddings.position_embeddings": (1, 1 + side**2, WIDTH),
        "embeddings.patch_embeddings.projection.weight": (WIDTH, 3, 14, 14),
        "embeddings.patch_embeddings.projection.bias": (WIDTH,),
        "layernorm.weight": (WIDTH,),
        "layernorm.bias": (WIDTH,),
    }
    if registers:
        shapes["embeddings.register_tokens"] = (1, registers, WIDTH)
    for i in range(DEPTH):
        layer = f"encoder.layer.{i}"
        for name, shape in linear.items():
            shapes |= {f"{layer}.{name}.weight": shape, f"{layer}.{name}.bias": shape[:1]}
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
            shapes[f"{layer}.{name}"] = (WIDTH,)
        shapes |= {f"{layer}.layer_scale{n}.lambda1": (WIDTH,) for n in (1, 2)}
    random = np.random.RandomState(0)
    state = {}
    for name in sorted(shapes):
        values = random.randn(*shapes[name]) * 0.5
        if len(shapes[name]) in (2, 4):  # matrices keep the size of what they are given
            values *= 4 / np.sqrt(np.prod(shapes[name][1:]))
        state[name] = torch.from_numpy(values.astype(np.float32))
    return state


def metas(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights by Meta's names."""
    renamed = {
        "cls_token": state["embeddings.cls_token"],
        "mask_token": state["embeddings.mask_token"],
        "pos_embed": state["embeddings.position_embeddings"],
        "patch_embed.proj.weight": state["embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": state["embeddings.patch_embeddings.projection.bias"],
        "norm.weight": state["layernorm.weight"],
        "norm.bias": state["layernorm.bias"],
    }
    if "embeddings.register_tokens" in state:
        renamed["register_tokens"] = state["embeddings.register_tokens"]
    names = {"attention.output.dense": "attn.proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    names |= {"mlp.weights_in": "mlp.w12", "mlp.weights_out": "mlp.w3", "norm1": "norm1", "norm2": "norm2"}
    for i, kind in itertools.product(range(DEPTH), ("weight", "bias")):
        old, new = f"encoder.layer.{i}", f"blocks.{i}"
        for ours, theirs in names.items():
            if f"{old}.{ours}.{kind}" in state:
                renamed[f"{new}.{theirs}.{kind}"] = state[f"{old}.{ours}.{kind}"]
        parts = [state[f"{old}.attention.attention.{part}.{kind}"] for part in ("query", "key", "value")]
        renamed[f"{new}.attn.qkv.{kind}"] = torch.cat(parts)
        for n in (1, 2):
            renamed[f"{new}.ls{n}.gamma"] = state[f"{old}.layer_scale{n}.lambda1"]
    return renamed


def pictures() -> Tensor:
    """Two smooth pictures of the network's own size, so that none is resized, uint8."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 224), torch.linspace(-1, 1, 224), indexing="ij")
    one, other = torch.stack([(9 * x).sin(), (7 * y).cos(), x * y]), torch.stack([x, y, (20 * x * y).sin()])
    return ((torch.stack([one, other]) + 1) * 127.5).round().to(torch.uint8)


def saved(state: dict[str, Tensor], folder: Path) -> Path:
    path = folder / "model.safetensors"
    save_file(state, path)
    return path


@pytest.mark.parametrize(("kind", "registers"), KINDS)
def test_features_are_those_of_transformers_by_either_files_names(
    kind: str, registers: int, tmp_path: Path, golden, relative_error
) -> None:
    expected = golden("dinov2_tiny").outputs[f"{kind}/{registers}/16"]
    state = tiny(kind, registers, 16)
    network = dinov2.load_file(saved(state, tmp_path))
    features = network(pictures())
    assert features.dtype == torch.float32
    assert features.shape == (2, network.dim) == (2, WIDTH)
    assert relative_error(features, expected) < 1e-5
    by_meta = tmp_path / "meta.pth"
    torch.save(metas(state), by_meta)
    assert torch.equal(dinov2.load_file(by_meta)(pictures()), features)


def test_without_registers_positions_are_interpolated_as_metas_code_does_not_as_hugging_faces(
    tmp_path: Path, golden, relative_error, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tiny("gelu", 0, 37), tmp_path)
    expected = golden("dinov2_tiny").outputs["gelu/0/37"]
    assert 1e-3 < relative_error(dinov2.load_file(path)(pictures()), expected) < 1
    monkeypatch.setattr(dinov2, "POSITION_OFFSET", 0.0)
    assert relative_error(dinov2.load_file(path)(pictures()), expected) < 1e-5


def test_with_registers_positions_are_interpolated_to_the_exact_size(tmp_path: Path, golden, relative_error) -> None:
    path = saved(tiny("gelu", 4, 37), tmp_path)
    assert relative_error(dinov2.load_file(path)(pictures()), golden("dinov2_tiny").outputs["gelu/4/37"]) < 1e-5


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' kernel (1981) with a = −0.75."""
    x, a = np.abs(x), -0.75
    near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def test_without_registers_place_i_is_at_half_a_patch_more_times_37_by_16_point_1() -> None:
    column = np.random.RandomState(0).randn(37)
    places = (np.arange(16) + 0.5) * 37 / 16.1 - 0.5
    taps = np.floor(places)[:, None] + np.arange(-1, 3)
    expected = (cubic(places[:, None] - taps) * column[taps.astype(int).clip(0, 36)]).sum(axis=1)
    grid = torch.from_numpy(column).view(1, 1, 37, 1).expand(1, 1, 37, 37)
    for found in (dinov2.interpolated(grid)[0, 0], dinov2.interpolated(grid.mT)[0, 0].T):
        torch.testing.assert_close(found, torch.from_numpy(expected)[:, None].expand(16, 16))


@pytest.mark.parametrize(
    ("name", "architecture", "count"),
    [
        ("dinov2_vits14", dinov2.Architecture(384, 12, 1536, False, 0), 22_056_576),
        ("dinov2_vitb14_reg", dinov2.Architecture(768, 12, 3072, False, 4), 86_583_552),
        ("dinov2_vitl14", dinov2.Architecture(1024, 24, 4096, False, 0), 304_368_640),
        ("dinov2_vitg14", dinov2.Architecture(1536, 40, 4096, True, 0), 1_136_480_768),
    ],
)
def test_the_published_sizes_bear_their_names(name: str, architecture: dinov2.Architecture, count: int) -> None:
    with torch.device("meta"):
        network = dinov2.DINOv2(architecture)
    assert network.name == name
    assert network.dim == architecture.width
    # published with positions of 37 × 37 and the mask's token
    more = (37**2 - 16**2 + 1) * architecture.width
    assert sum(p.numel() for p in network.parameters()) + more == count


def test_other_files_and_incomplete_ones_are_refused(tmp_path: Path) -> None:
    state = tiny("gelu", 0, 16)
    del state["encoder.layer.1.norm2.bias"]
    with pytest.raises(UserError, match=r"its blocks\.1\.norm2\.bias is missing"):
        dinov2.load_file(saved(state, tmp_path))
    state = tiny("gelu", 0, 16)
    del state["encoder.layer.1.attention.attention.key.weight"]
    with pytest.raises(UserError, match=r"its blocks\.1\.attn\.qkv\.weight is missing or of another shape"):
        dinov2.load_file(saved(state, tmp_path))
    state = tiny("gelu", 0, 16)
    state["embeddings.patch_embeddings.projection.weight"] = torch.zeros(WIDTH, 3, 16, 16)
    with pytest.raises(UserError, match="holds no DINOv2 with patches of 14"):
        dinov2.load_file(saved(state, tmp_path))
    with pytest.raises(UserError, match="holds no DINOv2"):
        dinov2.load_file(saved({"a": torch.zeros(2)}, tmp_path))
    with pytest.raises(MissingFile, match="nothing"):
        dinov2.load_file(tmp_path / "nothing")
