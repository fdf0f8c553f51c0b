"""What a picture and a training step cost, in operations and bytes: numbers that do not depend on the machine's mood.

They may fall; where one rises, something has become slower. PyTorch's version is pinned, so they are exact.
"""

from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from stylegans.config.adjust import with_size
from stylegans.networks.families import build_generator
from stylegans.ops import convolution_gradients
from stylegans.presets import delta, fitted
from stylegans.training.loop import descend
from stylegans.training.setup import start
from stylegans.training.state import Sample

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch without oneDNN")

SIZE = (32, 32)


class Costs(TorchDispatchMode):
    """Counts operations, those of arithmetic in products and convolutions, and the bytes of the tensors made."""

    def __init__(self):
        super().__init__()
        self.operations, self.flop, self.bytes = Counter(), 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given, made = _memory([args, kwargs]), _memory(out)
        fresh = [size for place, size in made.items() if place not in given]
        if fresh or func._schema.is_mutable:
            self.operations[func.overloadpacket.__name__] += 1  # views cost nothing
        self.bytes += sum(fresh)
        if func.overloadpacket in flop_registry:  # products and convolutions
            self.flop += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out


def _memory(value):
    """Where the tensors in ``value`` lie, and how many bytes there."""
    dense = [tensor.untyped_storage() for tensor in _tensors(value) if not tensor.is_mkldnn]
    return {storage.data_ptr(): storage.nbytes() for storage in dense}


def _tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def small(name):
    """A narrow network of 32² with all that a wide one has."""
    config = with_size(fitted(name, SIZE), SIZE)
    config = delta.generator(config, channel_base=512, channel_max=32)
    return delta.mapping(config, num_layers=2, z_dim=16, w_dim=16)


def cost(work):
    """Operations, flop and bytes of what ``work`` does the second time."""
    work()
    with Costs() as costs:
        work()
    return sum(costs.operations.values()), costs.flop, costs.bytes, costs.operations


PICTURES = {
    "stylegan2-f": (167, 14_142_976, 589_712),
    "stylegan3-t": (605, 586_515_712, 61_882_204),
    "stylegan-f": (126, 15_551_488, 1_863_972),
}
"""Preset → operations, flop, bytes of one picture."""


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_costs_no_more_than_it_did(name):
    torch.manual_seed(0)
    G = build_generator(small(name).generator).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    z = torch.zeros(1, 16)
    *found, operations = cost(lambda: G(z))
    assert all(now <= then for now, then in zip(found, PICTURES[name], strict=True)), (found, operations)


PHASES = {
    "loss_G": (878, 320_883_200, 22_182_897),
    "path_length": (1448, 186_320_896, 21_083_913),
    "loss_D": (629, 446_098_944, 27_388_921),
    "R1": (635, 390_312_704, 27_322_648),
}
"""Term → operations, flop, bytes of its optimizer step in a training of StyleGAN2."""


@pytest.mark.parametrize("name", PHASES)
def test_a_training_phase_costs_no_more_than_it_did(monkeypatch, name):
    monkeypatch.setattr(convolution_gradients, "_has_avx512", lambda: False)  # the same operations on every processor
    config = delta.discriminator(small("stylegan2-f"), channel_base=512, channel_max=32)
    config = delta.training(config, batch=4, precision="float32", style_mixing=0)  # else the cost is drawn
    state, phases = start(config, device=torch.device("cpu"))
    (phase,) = (phase for phase in phases if phase.terms[0].name == name)
    images = torch.zeros(4, 3, *SIZE).contiguous(memory_format=torch.channels_last)
    sample = Sample(images=images, labels=torch.zeros(4, 0), random=state.random)
    *found, operations = cost(lambda: descend(state, phase, sample))
    assert all(now <= then for now, then in zip(found, PHASES[name], strict=True)), (found, operations)
