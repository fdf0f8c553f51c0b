import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.config import GrowingDiscriminator
from stylegans.errors import UserError
from stylegans.interop import nvidia_tensorflow
from stylegans.losses.gradient_penalty import r1
from stylegans.networks.discriminator_growing import GrowingDiscriminatorNetwork
from stylegans.networks.pyramid import at_lod, set_lod, shrink

CONFIG = {
    "progan": nvidia_tensorflow.progan_discriminator_config,
    "sg1": nvidia_tensorflow.stylegan_discriminator_config,
}


PUBLISHED = [
    "progan_D_paper",
    "progan_D_paper_unfused",
    "sg1_D_default",
    "sg1_D_fused",
    "sg1_D_labels5",
    "sg1_D_nombstd",
]


@pytest.mark.parametrize("name", PUBLISHED)
def test_scores_and_gradients_equal_the_published_ones_at_every_stage(golden, relative_error, name):
    vectors = golden(name)
    config = CONFIG[name.partition("_")[0]](vectors.config["kwargs"])
    network = GrowingDiscriminatorNetwork(config)
    network.load_state_dict(nvidia_tensorflow.growing_discriminator_state(vectors.state))
    images, labels = vectors.inputs["images"].clone().requires_grad_(), vectors.inputs["labels"]
    (gradient,) = torch.autograd.grad(network(images, labels).sum(), images)
    assert relative_error(gradient, vectors.outputs["grad_lod0"]) < 1e-5
    for lod in vectors.config["lods"]:
        set_lod(network, lod)
        assert relative_error(network(images, labels), vectors.outputs[f"scores_lod{lod:g}"]) < 1e-5, lod


@pytest.mark.parametrize("blur", [(1, 2, 1), None])
def test_the_discriminator_of_1024_has_the_published_number_of_parameters(blur):
    with torch.device("meta"):
        network = GrowingDiscriminatorNetwork(GrowingDiscriminator(resolution=(1024, 1024), blur_filter=blur))
    assert sum(p.numel() for p in network.parameters()) == 23_087_249


def make(**options):
    narrow = {"channel_base": 64, "channel_max": 8, "resolution": (32, 32)}
    return GrowingDiscriminatorNetwork(GrowingDiscriminator(**(narrow | options)))


@given(
    levels=st.integers(0, 2),
    base=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    channels=st.integers(1, 5),
    labels=st.sampled_from([0, 1, 4]),
    blur=st.sampled_from([None, (1, 2, 1), (1, 3, 3, 1)]),
    lod=st.floats(0, 3),
)
def test_any_base_grid_channels_labels_blur_and_stage(levels, base, channels, labels, blur, lod):
    size = (base[0] << levels, base[1] << levels)
    network = make(resolution=size, base=base, img_channels=channels, c_dim=labels, blur_filter=blur)
    set_lod(network, lod)
    assert network(torch.randn(3, channels, *size), torch.randn(3, labels)).shape == (3, 1)


def test_the_dense_layer_is_as_wide_as_a_level_below_the_base_grid_would_be():
    assert make(channel_base=16, channel_max=64).epilogue.out.weight.shape == (1, 8)
    assert make(channel_base=16, channel_max=6).epilogue.out.weight.shape == (1, 6)


def test_the_label_selects_the_score_of_its_class():
    network = make(c_dim=3, mbstd_channels=0)
    images = torch.randn(1, 3, 32, 32).expand(3, -1, -1, -1)
    one_by_one = network(images, torch.eye(3))
    assert len(one_by_one.unique()) == 3
    torch.testing.assert_close(network(images[:1], torch.ones(1, 3)), one_by_one.sum(dim=0, keepdim=True))


# --- growth ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lod", [1, 2, 3])
def test_at_a_whole_stage_it_is_the_discriminator_of_the_shrunk_picture(lod):
    network, small = make(), make(resolution=(32 >> lod, 32 >> lod))
    state = network.state_dict()
    small.blocks.load_state_dict(network.blocks[lod:].state_dict())
    small.epilogue.load_state_dict(network.epilogue.state_dict())
    assert len(small.state_dict()) < len(state)
    set_lod(network, lod)
    images = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(network(images), small(shrink(images, 2**lod)))


@pytest.mark.parametrize("lod", [1, 2, 3])
def test_it_reads_no_detail_that_is_not_there_yet(lod):
    network, images = make(), torch.randn(4, 3, 32, 32)
    set_lod(network, lod)
    torch.testing.assert_close(network(images), network(at_lod(images, lod)))


@pytest.mark.parametrize("lod", [1, 2])
def test_scores_do_not_jump_where_a_level_arrives(relative_error, lod):
    network, images = make(), torch.randn(4, 3, 32, 32)

    def at(stage):
        set_lod(network, stage)
        return network(images)

    assert relative_error(at(lod - 1e-4), at(lod)) < 1e-2
    assert relative_error(at(lod + 1e-4), at(lod)) < 1e-2


@pytest.mark.parametrize(
    ("lod", "blocks", "readers"),
    [(0, [0, 1, 2], [0]), (0.5, [0, 1, 2], [0, 1]), (1, [1, 2], [1]), (1.7, [1, 2], [1, 2]), (2.5, [2], [2, 3])]
    + [(lod, [], [3]) for lod in (3, 5)],
)
def test_what_is_there_is_computed_and_learns_from_loss_and_penalty_and_nothing_else(lod, blocks, readers):
    network = make(c_dim=3)
    set_lod(network, lod)
    images = torch.randn(3, 3, 32, 32, requires_grad=True)
    scores = network(images, torch.eye(3))
    (r1(scores, images).sum() + scores.square().sum()).backward()
    expected = {"epilogue.conv", "epilogue.fc", "epilogue.out"}
    expected |= {f"blocks.{block}.conv{i}" for block in blocks for i in (0, 1)}
    expected |= {f"blocks.{block}.from_rgb" if block < 3 else "epilogue.from_rgb" for block in readers}
    for name, parameter in network.named_parameters():
        if name.rpartition(".")[0] in expected:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name


# --- batches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [None, 1, 2, 4])
@pytest.mark.parametrize("n", [1, 6, 8])
def test_two_batches_scored_together_score_as_apart(group, n):
    network = make(mbstd_group=group, c_dim=3)
    a, b = torch.randn(2, n, 3, 32, 32).unbind()
    c = torch.eye(3)[torch.arange(n) % 3]
    together = network.score_both(a, b * 3, c)
    for found, expected in zip(together, (network(a, c), network(b * 3, c)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_without_the_minibatch_statistic_no_score_depends_on_another_sample():
    network, images = make(mbstd_channels=0), torch.randn(4, 3, 32, 32)
    assert network.group(4) == 1
    torch.testing.assert_close(network(images), torch.cat([network(image[None]) for image in images]))


@pytest.mark.parametrize(
    ("labels", "images", "c", "says"),
    [
        (0, torch.zeros(1, 3, 16, 32), None, "images"),
        (0, torch.zeros(1, 3, 32, 32), torch.zeros(1, 2), "takes no labels"),
        (3, torch.zeros(1, 3, 32, 32), None, "needs labels"),
    ],
)
def test_wrong_inputs_are_named(labels, images, c, says):
    with pytest.raises(UserError, match=says):
        make(c_dim=labels)(images, c)
