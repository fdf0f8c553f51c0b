import copy

import pytest
import torch

from stylegans.config import Mapping, StyleGAN2
from stylegans.networks.families import build_generator
from stylegans.networks.graphed import MOST, graphed

CUDA = torch.device("cuda")
MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=2)
NARROW = {"resolution": (8, 8), "channel_base": 64, "channel_max": 8, "mapping": MAPPING}


class Recorder:
    """Repeats a call as a graph does: into the same tensor, whatever came in between."""

    def __init__(self):
        self.shapes = []

    def __call__(self, call, device):
        images = call()
        self.shapes.append(images.shape)
        return lambda: images.copy_(call()), images


@pytest.fixture
def synthesis():
    torch.manual_seed(0)
    return build_generator(StyleGAN2(**NARROW)).synthesis


@pytest.fixture
def latents(synthesis):
    return [torch.randn(n, synthesis.num_ws, 8) for n in (2, 2, 2, 2, 1)]


def test_recorded_pictures_are_those_of_the_network(synthesis, latents):
    record = Recorder()
    with torch.no_grad():
        expected = [synthesis(ws) for ws in latents]
        with graphed(synthesis, CUDA, record=record):
            found = [synthesis(ws) for ws in latents]  # kept: none may be written over by the next
            silent = [synthesis(latents[0], noise="none") for _ in range(2)]
        assert torch.equal(silent[1], synthesis(latents[0], noise="none"))
    assert all(map(torch.equal, found, expected))
    assert record.shapes == [(2, 3, 8, 8), (2, 3, 8, 8)]  # with noise and without; the smaller batch came once
    assert "forward" not in vars(synthesis)


def test_gradients_and_drawn_noise_come_from_the_network_itself(synthesis, latents):
    record = Recorder()
    with graphed(synthesis, CUDA, record=record):
        for _ in range(3):
            ws = latents[0].clone().requires_grad_()
            synthesis(ws).sum().backward()
            assert ws.grad.abs().sum() > 0
            with torch.no_grad():
                synthesis(ws, noise="random", generator=torch.Generator().manual_seed(0))
    assert record.shapes == []


def test_a_copy_draws_by_itself(synthesis, latents):
    with torch.no_grad(), graphed(synthesis, CUDA, record=Recorder()):
        copied = copy.deepcopy(synthesis)
        for parameter in copied.parameters():
            parameter.zero_()
        assert all(copied(ws).abs().sum() == 0 for ws in latents[:3])


def test_only_so_many_kinds_are_recorded(synthesis):
    record = Recorder()
    with torch.no_grad(), graphed(synthesis, CUDA, record=record):
        for n in (*range(1, MOST + 3), *range(1, MOST + 3)):
            assert synthesis(torch.randn(n, synthesis.num_ws, 8)).shape[0] == n
    assert len(record.shapes) == MOST


def test_what_cannot_be_recorded_is_drawn_as_written(synthesis, latents):
    def fail(call, device):
        raise RuntimeError("operation not permitted\nand more")

    with torch.no_grad(), graphed(synthesis, CUDA, record=fail):
        expected = synthesis(latents[0])
        with pytest.warns(UserWarning, match="without a CUDA graph: operation not permitted$"):
            assert torch.equal(synthesis(latents[0]), expected)
        assert torch.equal(synthesis(latents[0]), expected)  # and is not tried again


def test_on_a_cpu_and_while_growing_nothing_is_recorded(synthesis):
    growing = build_generator(StyleGAN2(**NARROW, architecture="grow")).synthesis
    for network, device in ((synthesis, torch.device("cpu")), (growing, CUDA), (object(), CUDA)):
        with graphed(network, device, record=Recorder()):
            assert not hasattr(network, "__dict__") or "forward" not in vars(network)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_graphs_of_a_gpu_draw_the_same_pictures(synthesis, latents):
    network = synthesis.to(CUDA)
    with torch.no_grad():
        expected = [network(ws.to(CUDA)) for ws in latents]
        with graphed(network, CUDA):
            found = [network(ws.to(CUDA)) for ws in latents]
    for images, others in zip(found, expected, strict=True):
        torch.testing.assert_close(images, others)
