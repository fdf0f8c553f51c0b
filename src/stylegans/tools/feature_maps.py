"""The feature maps between a generator's layers: recorded on their way, in every family.

A layer is what one style enters, its activation (and normalisation) done: in StyleGAN both layers of a level after
AdaIN, in StyleGAN2 both of a level, the second with the sum of the residual wiring, in StyleGAN3 every layer before the
picture; in the networks without styles each level. The first GAN has none.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from stylegans.config import StyleGAN3
from stylegans.networks import dcgan, progan, resnet, stylegan, stylegan2, stylegan3
from stylegans.networks.protocol import Generator, Noise
from stylegans.ops.random import Source

Maps = list[tuple[str, Tensor]]
"""A layer's name in the synthesis network, like ``blocks.2.conv0``, and its output [N, C, H, W]: in the order of
computation."""

WHOLE = (stylegan.SynthesisLayer, progan.SynthesisBlock, dcgan.UpBlock, resnet.UpBlock)
"""Modules whose output is a layer's."""


def feature_maps(G: Generator, ws: Tensor, *, noise: Noise = "const", generator: Source = None) -> Maps:
    """The feature maps of the pictures of ws [N, num_ws, w_dim]; see ``recording``."""
    with recording(G) as maps:
        G.synthesis(ws, noise=noise, generator=generator)
    return maps


@contextmanager
def recording(G: Generator) -> Iterator[Maps]:
    """While it lasts, every pass through ``G.synthesis`` adds its feature maps to the list that it gives.

    They are float32, keep their gradients, and lie on the picture's area: the margin of a StyleGAN3 is cut off. Levels
    that a growing network does not have yet add nothing.
    """
    maps: Maps = []

    def add(name: str, x: Tensor, margin: int) -> None:
        height, width = x.shape[2:]
        maps.append((name, x[:, :, margin : height - margin, margin : width - margin].float()))

    def hook(name: str, margin: int) -> object:
        return lambda _module, _inputs, x: add(name, x, margin)

    handles = [module.register_forward_hook(hook(name, margin)) for name, module, margin in _layers(G)]  # type: ignore[arg-type]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


def _layers(G: Generator) -> Iterator[tuple[str, nn.Module, int]]:
    """Name, module and margin of what is recorded."""
    synthesis = G.synthesis
    if isinstance(synthesis, stylegan3.SynthesisNetwork):
        config = getattr(G, "config", None)
        assert isinstance(config, StyleGAN3)  # what else has such a network
        layers = list(synthesis.layers)[:-1]  # without the one that makes the picture
        for i, layer in enumerate(layers):
            yield f"layers.{i}", layer, 0 if layer is layers[-1] else config.margin_size
        return
    for name, module in synthesis.named_modules() if isinstance(synthesis, nn.Module) else ():
        if isinstance(module, stylegan2.SynthesisBlock):
            if module.conv0 is not None:
                yield f"{name}.conv0", module.conv0, 0
            yield name, module, 0
        elif isinstance(module, WHOLE):
            yield name, module, 0
