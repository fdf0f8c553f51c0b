"""DINOv2 (Oquab et al. 2023, arXiv 2304.07193) as a feature network: a vision transformer trained without labels.

Fréchet distances in its features agree with people's judgement better than Inception's (Stein et al. 2023, "Exposing
flaws of generative model evaluation metrics"). Its weights are too large for the package: they come from a file, by
Meta's names (``dinov2_vitl14_pretrain.pth``) or Hugging Face's. The size, S, B, L or g, with registers (Darcet et al.
2024) or without, is read from the tensors.

The position embeddings are of 37 × 37 patches, a picture of 224 pixels has 16 × 16. They are interpolated as the
published code does it. Without registers that is at a scale of (16 + 0.1) / 37; Hugging Face's code takes 16 / 37,
which moved the features of small random networks by 0.2 to 0.5 %. With registers it is exactly 16 / 37 with
antialiasing, in both. The paper says nothing of how pictures are resized: what ``DINOv2`` says of it is decided here.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegans.errors import UserError
from stylegans.metrics.features import imagenet
from stylegans.metrics.features.weight_files import read_state

PATCH = 14
GRID = imagenet.SIDE // PATCH
HEAD = 64
"""Channels of an attention head, in every size."""
NORM_EPS = 1e-6
POSITION_OFFSET = 0.1
"""Added to the grid's side where the position embeddings' scale is worked out, in the networks without registers."""

SIZES = {(384, 12): "vits14", (768, 12): "vitb14", (1024, 24): "vitl14", (1536, 40): "vitg14"}
"""(width, depth) → name."""

FILE = "Meta's dinov2_vitl14_pretrain.pth or another of its sizes"


@dataclass(frozen=True)
class Architecture:
    """What the tensors' shapes say of a network."""

    width: int
    depth: int
    hidden: int
    """Channels inside the blocks' MLPs."""
    gated: bool
    """Whether these are SwiGLU (Shazeer 2020), as in g, instead of one hidden layer with a GELU."""
    registers: int


class MLP(nn.Module):
    """One hidden layer with a GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return y


class SwiGLU(nn.Module):
    """A hidden layer of which one half gates the other: SiLU(x W1) ⊙ x W2."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w12, self.w3 = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.w12(x).chunk(2, dim=-1)
        y: Tensor = self.w3(F.silu(gate) * value)
        return y


class Attention(nn.Module):
    """Self-attention of all tokens (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, HEAD).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(y.transpose(1, 2).reshape(n, tokens, width))
        return out


class Block(nn.Module):
    """Attention and MLP, each after a layer norm, its result scaled per channel (LayerScale: Touvron et al. 2021)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=NORM_EPS), nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = Attention(width)
        self.mlp = (SwiGLU if architecture.gated else MLP)(width, architecture.hidden)
        self.ls1, self.ls2 = nn.Parameter(torch.ones(width)), nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1 * self.attn(self.norm1(x))
        return x + self.ls2 * self.mlp(self.norm2(x))


class DINOv2(nn.Module):
    """The vision transformer: uint8 images [N, C, H, W] → features [N, width], float32.

    Images of one, three or four channels (``to_rgb``) are resized to 224 × 224 bicubically, with antialiasing where
    they shrink and without keeping their aspect, and normalised by ImageNet's mean and standard deviation. The
    features are the class token after the last layer norm.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        size = SIZES.get((width, architecture.depth), f"w{width}d{architecture.depth}")
        self.name = f"dinov2_{size}" + ("_reg" if architecture.registers else "")
        self.dim = width
        self.patch_embed = nn.Conv2d(3, width, PATCH, stride=PATCH)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, 1 + GRID**2, width))
        self.register_tokens = nn.Parameter(torch.zeros(1, architecture.registers, width))
        self.blocks = nn.Sequential(*(Block(architecture) for _ in range(architecture.depth)))
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed(imagenet.prepare(images, mode="bicubic")).flatten(2).transpose(1, 2)
        n = len(patches)
        tokens = torch.cat([self.cls_token.expand(n, -1, -1), patches], dim=1) + self.positions
        registers = self.register_tokens.expand(n, -1, -1)
        x = self.blocks(torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1))
        features: Tensor = self.norm(x[:, 0])
        return features


def load_file(path: Path, *, device: str | torch.device = "cpu") -> DINOv2:
    """The network with the weights in ``path``, float32, frozen.

    Raises:
        MissingFile: there is no such file.
        UserError: it holds no DINOv2, or not all of one.
    """
    state = by_metas_names(read_state(path))
    architecture = read_architecture(state, path)
    with torch.device("meta"):
        network = DINOv2(architecture)
    weights = convert(state)
    for name, tensor in network.state_dict().items():
        if name not in weights or weights[name].shape != tensor.shape:
            raise UserError(f"{path}: its {name} is missing or of another shape than in a DINOv2; give {FILE}")
    network.load_state_dict({name: weights[name] for name in network.state_dict()}, assign=True)
    network.to(device)
    return network.eval().requires_grad_(False)


HUGGING_FACE = (
    # a part of its names → of Meta's
    (r"^dinov2(_with_registers)?\.", ""),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"^embeddings\.", ""),
    (r"^encoder\.layer\.", "blocks."),
    (r"\.attention\.output\.dense\.", ".attn.proj."),
    (r"\.attention\.attention\.", ".attn."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.mlp\.weights_in\.", ".mlp.w12."),
    (r"\.mlp\.weights_out\.", ".mlp.w3."),
    (r"^layernorm\.", "norm."),
)


def by_metas_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A file's tensors by the names of Meta's files. Queries, keys and values become one tensor."""
    renamed = {}
    for name, tensor in state.items():
        for pattern, replacement in HUGGING_FACE:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    for query in [name for name in renamed if ".attn.query." in name]:
        parts = [renamed.pop(query.replace("query", part), None) for part in ("query", "key", "value")]
        renamed[query.replace("query", "qkv")] = torch.cat([part for part in parts if part is not None])
    return renamed


def read_architecture(state: Mapping[str, Tensor], path: Path) -> Architecture:
    """The architecture of a network by Meta's names.

    Raises:
        UserError: it is no DINOv2.
    """
    patches, positions = state.get("patch_embed.proj.weight"), state.get("pos_embed")
    gelu, gated = state.get("blocks.0.mlp.fc2.weight"), state.get("blocks.0.mlp.w3.weight")
    last = gelu if gated is None else gated
    if patches is None or positions is None or last is None or patches.shape[1:] != (3, PATCH, PATCH):
        raise UserError(f"{path}: holds no DINOv2 with patches of 14 × 14 pixels; give {FILE}")
    return Architecture(
        width=patches.shape[0],
        depth=len({name.split(".")[1] for name in state if name.startswith("blocks.")}),
        hidden=last.shape[1],
        gated=gated is not None,
        registers=state["register_tokens"].shape[1] if "register_tokens" in state else 0,
    )


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network by Meta's names → the state of ``DINOv2``, float32."""
    ours = {
        name.replace("patch_embed.proj.", "patch_embed.").removesuffix(".gamma"): tensor.float()
        for name, tensor in state.items()
    }
    cls_position, grid = ours.pop("pos_embed").tensor_split([1], dim=1)
    side = math.isqrt(grid.shape[1])
    grid = grid.view(1, side, side, -1).permute(0, 3, 1, 2)
    if side != GRID:
        grid = interpolated_with_registers(grid) if "register_tokens" in ours else interpolated(grid)
    ours["positions"] = torch.cat([cls_position, grid.flatten(2).transpose(1, 2)], dim=1)
    ours.setdefault("register_tokens", torch.zeros(1, 0, grid.shape[1]))
    return ours


def interpolated(grid: Tensor) -> Tensor:
    """Position embeddings [1, width, side, side] → [1, width, 16, 16], as in the networks without registers."""
    return F.interpolate(grid, scale_factor=(GRID + POSITION_OFFSET) / grid.shape[2], mode="bicubic")


def interpolated_with_registers(grid: Tensor) -> Tensor:
    """Position embeddings [1, width, side, side] → [1, width, 16, 16], as in the networks with registers."""
    return F.interpolate(grid, size=(GRID, GRID), mode="bicubic", antialias=True)
