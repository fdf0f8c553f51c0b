import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import Discriminator
from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch, nvidia_tensorflow_stylegan2
from stylegans.losses.gradient_penalty import r1
from stylegans.networks.discriminator import StyleGAN2Discriminator
from stylegans.networks.precision import set_precision
from stylegans.networks.pyramid import enlarge, set_lod, shrink

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

PUBLISHED_TENSORFLOW = [
    "sg2_D_orig",
    "sg2_D_resnet",
    "sg2_D_resnet_asymkernel",
    "sg2_D_resnet_labels5",
    "sg2_D_skip",
    "sg2_D_stylegan",
]


def has_stage(network):
    """Whether the network keeps a stage of growth."""
    return any(name.endswith("lod") for name, _ in network.named_buffers())


@pytest.mark.parametrize("name", PUBLISHED)
def test_scores_and_r1_equal_the_published_ones(golden, relative_error, name):
    vectors = golden(name)
    network = StyleGAN2Discriminator(nvidia_pytorch.discriminator_config(vectors.config["kwargs"]))
    network.load_state_dict(nvidia_pytorch.discriminator_state(vectors.state))
    images = vectors.inputs["img"].clone().requires_grad_()
    scores = network(images, vectors.inputs["c"])
    # Random scores may nearly cancel: with ada_D_skip_asymfir, moving every pixel by up to half a rounding error moves
    # its four scores by 0.2 to 1.4e-5. Processors, which order sums differently, and equal forms of the gains were
    # seen at 0.7 to 1.7e-5.
    assert relative_error(scores, vectors.outputs["logits"]) < vectors.tolerance("logits")
    (gradient,) = torch.autograd.grad(scores.sum(), images, retain_graph=True)
    assert relative_error(gradient, vectors.outputs["grad_img"]) < 1e-5
    assert relative_error(r1(scores, images), vectors.outputs["r1_penalty"]) < 1e-5


@pytest.mark.parametrize("name", PUBLISHED_TENSORFLOW)
def test_scores_of_every_stage_and_gradients_equal_those_published_for_tensorflow(golden, relative_error, name):
    vectors = golden(name)
    kwargs, grow = vectors.config["kwargs"], vectors.config["cls"].endswith(".D_stylegan")
    if grow:
        config = nvidia_tensorflow_stylegan2.growing_discriminator_config(kwargs)
    else:
        config = nvidia_tensorflow_stylegan2.discriminator_config(kwargs)
    network = StyleGAN2Discriminator(config)
    network.load_state_dict(nvidia_tensorflow_stylegan2.discriminator_state(vectors.state))
    for key, expected in vectors.outputs.items():
        kind, _, lod = key.partition("_lod")
        set_lod(network, float(lod))
        images = vectors.inputs["images"].clone().requires_grad_()
        found = network(images, vectors.inputs["labels"])
        if kind == "grad":
            (found,) = torch.autograd.grad(found.sum(), images)
        assert relative_error(found, expected) < 1e-5, key
    assert len(vectors.outputs) == (5 if grow else 2)


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
    label_head=st.sampled_from(["projection", "select"]),
    architecture=st.sampled_from(["orig", "skip", "resnet", "grow"]),
    lod=st.floats(0, 3),
)
def test_any_base_grid_channels_labels_wiring_and_stage(levels, base, channels, labels, label_head, architecture, lod):
    size = (base[0] << levels, base[1] << levels)
    network = make(
        resolution=size,
        base=base,
        img_channels=channels,
        c_dim=labels,
        label_head=label_head,
        architecture=architecture,
    )
    set_lod(network, lod)  # beyond the base grid there is nothing coarser
    assert network(torch.randn(3, channels, *size), torch.randn(3, labels)).shape == (3, 1)


@pytest.mark.parametrize("label_head", ["projection", "select"])
@pytest.mark.parametrize("architecture", ["orig", "skip", "resnet"])
def test_every_parameter_gets_a_gradient_from_loss_and_penalty(architecture, label_head):
    network = make(architecture=architecture, c_dim=3, label_head=label_head)
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


# --- labels that select ---------------------------------------------------------------------------------------------


def test_a_label_selects_the_score_of_its_class():
    network, images = make(c_dim=3, label_head="select"), torch.randn(1, 3, 16, 16)
    assert network.mapping is None
    assert network.epilogue.out.weight.shape[0] == 3
    with torch.no_grad():
        network.epilogue.out.weight.zero_()
        network.epilogue.out.bias.copy_(torch.tensor([1.0, 20.0, 300.0]))
    assert network(images.expand(3, -1, -1, -1), torch.eye(3)).flatten().tolist() == [1, 20, 300]
    assert network(images, torch.ones(1, 3)).item() == 321


# --- growing --------------------------------------------------------------------------------------------------------


def growing(**options):
    """Three levels, 16² to 4², with biases that are not zero."""
    network = make(architecture="grow", **options)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    return network


def test_networks_that_grow_alone_keep_a_stage():
    assert has_stage(make(architecture="grow"))
    assert not any(has_stage(make(architecture=wiring)) for wiring in ("orig", "skip", "resnet"))


def test_grown_it_is_the_orig_wiring():
    network, orig = growing(), make(architecture="orig")
    state = {name: value for name, value in network.state_dict().items() if name in orig.state_dict()}
    orig.load_state_dict(state)
    images = torch.randn(4, 3, 16, 16)
    assert torch.equal(network(images), orig(images))


@pytest.mark.parametrize(
    ("lod", "levels", "readers"),
    [(0, {0, 1, 2}, {0}), (0.3, {0, 1, 2}, {0, 1}), (1, {1, 2}, {1}), (1.7, {1, 2}, {1, 2}), (2, {2}, {2})],
)
def test_the_levels_that_are_there_get_a_gradient_and_no_others(lod, levels, readers):
    network = growing(c_dim=3)
    set_lod(network, lod)
    images = torch.randn(3, 3, 16, 16, requires_grad=True)
    scores = network(images, torch.eye(3))
    (r1(scores, images).sum() + scores.square().sum()).backward()
    for name, parameter in network.named_parameters():
        part, *rest = name.split(".")
        if part == "mapping":
            there = True
        else:
            level, layer = (2, rest[0]) if part == "epilogue" else (int(rest[0]), rest[1])
            there = level in (readers if layer == "from_rgb" else levels)
        computed = parameter.grad is not None
        assert computed == there, name
        assert not computed or parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("lod", [1, 2])
def test_a_stage_sees_no_finer_than_it_is(lod):
    network, images = growing(), torch.randn(4, 3, 16, 16)
    set_lod(network, lod)
    torch.testing.assert_close(network(images), network(enlarge(shrink(images, 2**lod), 2**lod)))


@pytest.mark.parametrize("lod", [0, 0.5, 1, 1.5, 2])
def test_scores_change_continuously_with_the_stage(lod):
    network, images = growing(), torch.randn(4, 3, 16, 16)
    scores = []
    for stage in (lod - 1e-3, lod, lod + 1e-3):
        set_lod(network, max(stage, 0))
        scores.append(network(images))
    for other in (scores[0], scores[2]):
        assert (other - scores[1]).norm() < 1e-2 * scores[1].norm()


@pytest.mark.parametrize("lod", [0.3, 1, 2])
def test_two_batches_scored_together_score_as_apart_at_every_stage(lod):
    network = growing()
    set_lod(network, lod)
    a, b = torch.randn(2, 4, 3, 16, 16).unbind()
    for found, expected in zip(network.score_both(a, b, torch.zeros(4, 0)), (network(a), network(b)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("lod", [0, 0.4, 1])
def test_a_growing_network_in_bfloat16_stays_close_to_float32(relative_error, lod):
    network, images = make(architecture="grow", channel_base=256, channel_max=16), torch.randn(8, 3, 16, 16)
    set_lod(network, lod)
    exact = network(images)
    set_precision(network, torch.bfloat16, from_resolution=8)
    reduced = network(images)
    assert reduced.dtype == torch.float32
    assert 0 < relative_error(reduced, exact) < 3e-2
