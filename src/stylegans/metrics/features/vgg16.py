"""VGG16 (Simonyan and Zisserman 2015, arXiv 1409.1556, configuration D) as a feature network, and its convolutions.

Precision and recall (Kynkäänniemi et al. 2019, section 3) compare pictures by the 4,096 activations after its second
dense layer; LPIPS (``lpips.py``) by those of its convolutions. Its weights are too large for the package: they come
from a file with the ImageNet weights that torchvision publishes (``vgg16-397923af.pth``), or with the convolutions
alone, which are enough for LPIPS.

What the papers leave open is decided here: pictures of any size are resized to 224 × 224 bilinearly with antialiasing,
and everything is computed in float32, where the published implementations of precision and recall use float16.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegans.errors import UserError
from stylegans.metrics.features import imagenet
from stylegans.metrics.features.trunk import Block, Trunk
from stylegans.metrics.features.weight_files import read_state

BLOCKS = (
    # table 1, column D
    Block(64, convolutions=2),
    Block(128, convolutions=2, pool=2),
    Block(256, convolutions=3, pool=2),
    Block(512, convolutions=3, pool=2),
    Block(512, convolutions=3, pool=2),
)
SMALLEST = 16
"""The side of pictures of which the last block sees one place."""

FLAT = 512 * 7 * 7
DENSE = 4096

NORMS = (10.427, 10.726, 13.492, 14.79, 17.272, 18.87, 19.49, 23.453, 25.171, 25.11, 26.629, 26.133, 24.712)
"""Of the thirteen convolutions' weights, as torchvision publishes them."""
NORMS_AGREE = 1e-3
"""Relative. Rounding to float16 changes them by less than 1e-4; the two nearest of one shape differ by 2.4e-3."""

FILE = "torchvision's vgg16-397923af.pth"


class VGG16(nn.Module):
    """VGG16 without its last layer: uint8 images [N, C, H, W] → features [N, 4096], float32.

    The features are the activations after the second dense layer and its ReLU.
    """

    name = "vgg16"
    dim = DENSE

    def __init__(self) -> None:
        super().__init__()
        self.trunk = trunk()
        self.dense = nn.ModuleList([nn.Linear(FLAT, DENSE), nn.Linear(DENSE, DENSE)])

    def forward(self, images: Tensor) -> Tensor:
        layers = self.trunk(imagenet.prepare(images, mode="bilinear"))
        x = F.max_pool2d(layers[-1], 2).flatten(1)
        for dense in self.dense:
            x = F.relu(dense(x))
        return x


def trunk() -> Trunk:
    """The thirteen convolutions, with first weights."""
    return Trunk("vgg16", BLOCKS, smallest=SMALLEST)


def load_file(path: Path, *, device: str | torch.device = "cpu") -> VGG16:
    """The feature network with the weights in ``path``, float32, frozen.

    Raises:
        MissingFile: there is no such file.
        UserError: it does not hold torchvision's VGG16, or only its convolutions.
    """
    state = read_state(path)
    weights = {f"trunk.{name}": tensor for name, tensor in convolutions(state, path).items()}
    for i, (weight, bias) in enumerate(dense_layers(state, path)):
        weights[f"dense.{i}.weight"], weights[f"dense.{i}.bias"] = weight.float(), bias.float()
    with torch.device("meta"):
        network = VGG16()
    network.load_state_dict(weights, assign=True)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def load_trunk(path: Path) -> Trunk:
    """The convolutions with the weights in ``path``, float32.

    Raises:
        MissingFile: there is no such file.
        UserError: it does not hold torchvision's VGG16.
    """
    with torch.device("meta"):
        network = trunk()
    network.load_state_dict(convolutions(read_state(path), path), assign=True)
    return network


def convolutions(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """A foreign file's tensors → the state of ``trunk()``, float32.

    They are found by their shapes, in the order of the numbers in their names (``features.2.weight``,
    ``features.10.weight``): kernels [out, in, 3, 3] or, as TensorFlow and JAX keep them, [3, 3, in, out]. Their norms
    show whether they are the published ones in their order, which the heads of LPIPS belong to.

    Raises:
        UserError: they are not.
    """
    found: dict[str, Tensor] = {}
    layers = [(kernel.float(), bias) for kernel, bias in weights_and_biases(state) if kernel.ndim == 4]
    for i, (kernel, bias) in enumerate(layers):
        weight = kernel if kernel.shape[2:] == (3, 3) else kernel.permute(3, 2, 0, 1)
        found[f"convolutions.{i}.weight"], found[f"convolutions.{i}.bias"] = weight, bias.float()
    with torch.device("meta"):
        expected = trunk().state_dict()
    if [tensor.shape for tensor in found.values()] != [tensor.shape for tensor in expected.values()]:
        raise UserError(f"{path}: has not the thirteen convolutions of a VGG16; give {FILE}")
    norms = torch.stack([tensor.norm() for tensor in found.values() if tensor.ndim == 4])
    if not torch.allclose(norms, torch.tensor(NORMS), rtol=NORMS_AGREE, atol=0):
        raise UserError(f"{path}: a VGG16 of other weights than published numbers are made with; give {FILE}")
    return found


def dense_layers(state: Mapping[str, Tensor], path: Path) -> list[tuple[Tensor, Tensor]]:
    """A foreign file's tensors → (weight [out, in], bias) of the first two dense layers.

    The first one's inputs are 512 grids of 7 × 7 one after the other, as PyTorch flattens them.

    Raises:
        UserError: the layers are not there, or are of TensorFlow, whose inputs are in another order.
    """
    layers = [(weight, bias) for weight, bias in weights_and_biases(state) if weight.ndim == 2]
    shapes = [tuple(weight.shape) for weight, _ in layers]
    if (FLAT, DENSE) in shapes:
        raise UserError(f"{path}: its dense layers are in TensorFlow's order, which is not read; give {FILE}")
    if shapes[:2] != [(DENSE, FLAT), (DENSE, DENSE)]:
        raise UserError(f"{path}: has the convolutions of VGG16 but not its dense layers; give {FILE}")
    return layers[:2]


def weights_and_biases(state: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """The tensors that have a bias beside them, each with it, in the order of their names, 2 before 10.

    The heads of LPIPS and constants, which some files hold too, have none.
    """
    layers = []
    for name in sorted(state, key=numbers_by_size):
        bias = name.rpartition(".")[0] + ".bias"
        if bias in state and name != bias:
            layers.append((state[name], state[bias]))
    return layers


def numbers_by_size(name: str) -> list[tuple[int, str]]:
    """A key to sort names by: ``features.2.weight`` comes before ``features.10.weight``."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
