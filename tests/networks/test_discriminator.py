import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Discriminator
from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch
from stylegans.losses.gradient_penalty import r1
from stylegans.networks.discriminator import StyleGAN2Discriminator

PUBLISHED = [
    "ada_D_orig_c0",
    "ada_D_orig_c5",
    "ada_D_resnet_asymfir",
    "ada_D_resnet_c0",
    "ada_D_resnet_c0_clamp",
    "ada_D_resnet_c5",
    "ada_D_skip_asymfir",
    "ada_D_skip_c0",
    "ada_D_skip_c5",
]


@pytest.mark.parametrize("name", PUBLISHED)
def test_scores_and_r1_equal_the_published_ones(golden, relative_error, name):
    vectors = golden(name)
    network = StyleGAN2Discriminator(nvidia_pytorch.discriminator_config(vectors.config["kwargs"]))
    network.load_state_dict(nvidia_pytorch.discriminator_state(vectors.state))
    images = vectors.inputs["img"].clone().requires_grad_()
    scores = network(images, vectors.inputs["c"])
    assert relative_error(scores, vectors.outputs["logits"]) < 1e-5
    (gradient,) = torch.autograd.grad(scores.sum(), images, retain_graph=True)
    assert relative_error(gradient, vectors.outputs["grad_img"]) < 1e-5
    assert relative_error(r1(scores, images), vectors.outputs["r1_penalty"]) < 1e-5


def test_config_f_at_1024_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = StyleGAN2Discriminator(Discriminator(resolution=(1024, 1024)))
    assert sum(p.numel() for p in network.parameters()) == 29_012_513


def make(**options):
    narrow = {"channel_base": 32, "channel_max": 8, "mapping_layers": 2, "resolution": (16, 16)}
    return StyleGAN2Discriminator(Discriminator(**(narrow | options)))


@given(
    levels=st.integers(0, 2),
    base=st.tuples(st.integers(3, 7), st.integers(3, 7)),
    channels=st.integers(1, 5),
    labels=st.sampled_from([0, 1, 4]),
    architecture=st.sampled_from(["orig", "skip", "resnet"]),
)
def test_any_base_grid_channels_labels_and_wiring(levels, base, channels, labels, architecture):
    size = (base[0] << levels, base[1] << levels)
    network = make(resolution=size, base=base, img_channels=channels, c_dim=labels, architecture=architecture)
    assert network(torch.randn(3, channels, *size), torch.randn(3, labels)).shape == (3, 1)


@pytest.mark.parametrize("architecture", ["orig", "skip", "resnet"])
def test_every_parameter_gets_a_gradient_from_loss_and_penalty(architecture):
    network = make(architecture=architecture, c_dim=3)
    images = torch.randn(3, 3, 16, 16, requires_grad=True)
    scores = network(images, torch.eye(3))
    (r1(scores, images).sum() + scores.square().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize(
    ("labels", "images", "c", "says"),
    [
        (0, torch.zeros(1, 3, 8, 16), None, "images"),
        (0, torch.zeros(1, 1, 16, 16), None, "images"),
        (0, torch.zeros(1, 3, 16, 16), torch.zeros(1, 2), "takes no labels"),
        (3, torch.zeros(1, 3, 16, 16), None, "needs labels"),
    ],
)
def test_wrong_inputs_are_named(labels, images, c, says):
    with pytest.raises(UserError, match=says):
        make(c_dim=labels)(images, c)


@pytest.mark.parametrize("group", [None, 1, 2, 4, 5])
@pytest.mark.parametrize("n", [1, 4, 6, 8])
@pytest.mark.parametrize("labels", [0, 3])
def test_two_batches_scored_together_score_as_apart(group, n, labels):
    network = make(mbstd_group=group, c_dim=labels)
    a, b = torch.randn(2, n, 3, 16, 16).unbind()
    c = torch.eye(3)[torch.arange(n) % 3] if labels else torch.zeros(n, 0)
    together = network.score_both(a, b * 3, c)
    for found, expected in zip(together, (network(a, c), network(b * 3, c)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_without_the_minibatch_statistic_two_batches_always_go_together():
    network = make(mbstd_channels=0)
    a, b = torch.randn(2, 3, 3, 16, 16).unbind()
    for found, expected in zip(network.score_both(a, b, torch.zeros(3, 0)), (network(a), network(b)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
