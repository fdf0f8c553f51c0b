"""Networks by name: from the package, from a file the user names, or from the address where they are published.

A file says by its tensors' names and shapes which network it holds; what it is called does not matter.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import dinov2, inception, lpips, mobilenet, published, vgg16
from stylegans.metrics.features.network import FeatureNetwork
from stylegans.metrics.features.weight_files import read_state
from stylegans.metrics.recipes import RIGHT_NAMES, TITLES, Network, Recipe

Held = Network | Literal[""]
"""The network a file holds; '' where it is none that is known here."""


@dataclass(frozen=True)
class Source:
    """A network that is not in the package."""

    load: Callable[..., Any]
    """(path, device=) → the network."""
    published: published.Published
    holds: Held
    """What ``identify`` says of its files."""


SOURCES: dict[Network, Source] = {
    "inception": Source(inception.load_file, published.INCEPTION, "inception"),
    "vgg16": Source(vgg16.load_file, published.VGG16, "vgg16"),
    "lpips_vgg16": Source(lpips.load_vgg16, published.VGG16, "vgg16"),
    "dinov2": Source(dinov2.load_file, published.DINOV2, "dinov2"),
}

NAMES_OF: Mapping[Held, Mapping[str, str]] = {
    "mobilenet": RIGHT_NAMES,
    "lpips_alexnet": RIGHT_NAMES,
    "dinov2": {name: name[0] + "d_dinov2" for name in ("fid50k", "fid50k_full", "kid50k", "kid50k_full")}
    | {"pr50k3": "pr_dinov2", "pr50k3_full": "pr_dinov2", "dc50k5": "dc_dinov2"},
}
"""The network a file holds → published name → the name that its numbers bear."""


def identify(state: Mapping[str, Tensor]) -> Held:
    """Which network these tensors are, by shapes that no other has; '' if none that is known here."""
    shapes = [tuple(sorted(tensor.shape)) for tensor in state.values()]  # files differ in the order of a kernel's sides
    if any("cls_token" in name for name in state):
        return "dinov2"
    if any([side for side in shape if side > 1] == [1008, 2048] for shape in shapes):
        return "inception"
    if (3, 11, 11, 64) in shapes:
        return "lpips_alexnet"
    if (3, 3, 3, 64) in shapes and shapes.count((3, 3, 512, 512)) == 5:
        return "vgg16"
    if (3, 3, 3, 32) in shapes and (1, 1, 320, 1280) in shapes:
        return "mobilenet"
    return ""


def sha256_of(path: Path) -> str:
    """Of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Networks:
    """The networks of a measurement, each loaded when it is first asked for."""

    def __init__(self, files: Sequence[str | Path] = (), *, device: str | torch.device = "cpu") -> None:
        """``files``: where weights are, of networks that are not in the package.

        Raises:
            MissingFile: one is not there.
        """
        self.device = torch.device(device)
        self.files = tuple(Path(file).expanduser() for file in files)
        for file in self.files:
            if not file.is_file():
                raise MissingFile(f"--features: {file}: no such file")
        self._held: dict[Path, Held] = {}
        self._loaded: dict[str, tuple[Any, str]] = {}

    def check(self, recipe: Recipe) -> None:
        """Find the recipe's network, or what stands in its way, before any work is done.

        Raises:
            UserError: the files given are another network's, under whose name the recipe's numbers may not go.
            MissingFile: it is in no file given, and cannot be fetched.
        """
        if not recipe.is_offline:
            self._file(recipe)

    def __call__(self, recipe: Recipe) -> tuple[Any, str]:
        """(the recipe's network, the sha256 of its weights): a ``FeatureNetwork``, or of LPIPS a distance.

        Raises:
            UserError: as ``check``.
        """
        name = recipe.network
        if name not in self._loaded:
            if name == "mobilenet":
                self._loaded[name] = mobilenet.load(device=self.device), mobilenet.SHA256
            elif name == "lpips_alexnet":
                self._loaded[name] = lpips.load(device=self.device), lpips.SHA256
            elif name == "pixels":
                self._loaded[name] = None, ""
            else:
                path = self._file(recipe)
                self._loaded[name] = SOURCES[name].load(path, device=self.device), sha256_of(path)
        return self._loaded[name]

    def features(self, recipe: Recipe) -> tuple[FeatureNetwork, str]:
        """As a call, of a recipe over features."""
        network, sha256 = self(recipe)
        return network, sha256

    def _identified(self, file: Path) -> Held:
        try:
            return identify(read_state(file))
        except UserError as error:
            raise UserError(f"--features: {error}") from None

    def _file(self, recipe: Recipe) -> Path:
        source, title = SOURCES[recipe.network], TITLES[recipe.network]
        others = []
        for file in self.files:
            if file not in self._held:
                self._held[file] = self._identified(file)
            if self._held[file] == source.holds:
                return file
            others.append(file)
        foreign = [file for file in others if self._held[file] not in {one.holds for one in SOURCES.values()}]
        if foreign or (others and recipe.name in NAMES_OF.get(self._held[others[0]], {})):
            file = foreign[0] if foreign else others[0]
            held = self._held[file]
            right = NAMES_OF.get(held, {}).get(recipe.name)
            name = f"; its numbers are called {right}" if right else ""
            inside = TITLES[held] if held else "no network that is known here"
            raise UserError(
                f"{recipe.name}: this name means {title}, and {file} holds {inside}{name}; "
                f"--features says where the weights of {title} are, and never chooses another network"
            )
        return published.find(source.published, needed_by=recipe.name, offline=RIGHT_NAMES.get(recipe.name, ""))
