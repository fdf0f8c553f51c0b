import pytest
import torch

from stylegans.config import Mapping
from stylegans.errors import UserError
from stylegans.interop import nvidia_pytorch
from stylegans.networks.mapping import MappingNetwork


@pytest.fixture
def published(golden):
    def load(name):
        vectors = golden(name)
        kwargs = vectors.config["kwargs"]
        network = MappingNetwork(nvidia_pytorch.mapping_config(kwargs), num_ws=kwargs["num_ws"] or 1)
        network.load_state_dict(nvidia_pytorch.mapping_state(vectors.state))
        return network, vectors

    return load


@pytest.mark.parametrize("name", ["ada_mapping8_c0", "ada_mapping8_c5", "ada_mapping8_dims"])
def test_mapping_equals_the_published_one(published, relative_error, name):
    network, vectors = published(name)
    z, c, expected = vectors.inputs["z"], vectors.inputs["c"], vectors.outputs
    assert relative_error(network(z, c), expected["ws_psi1"]) < 1e-5
    assert relative_error(network(z, c, truncation=0.7), expected["ws_psi0.7"]) < 1e-5
    cut = network(z, c, truncation=0.5, truncation_layers=3)
    assert relative_error(cut, expected["ws_psi0.5_cut3"]) < 1e-5
    network.track_average(network(z, c))
    assert relative_error(network.w_avg, expected["w_avg_after_train_forward"]) < 1e-5


def test_a_mapping_of_labels_alone_equals_the_published_one(published, relative_error):
    network, vectors = published("ada_mapping_labels_only")
    assert relative_error(network(None, vectors.inputs["c"])[:, 0], vectors.outputs["ws_psi1"]) < 1e-5


def make(**options):
    return MappingNetwork(Mapping(**({"z_dim": 8, "w_dim": 6, "num_layers": 2} | options)), num_ws=4)


def test_the_length_of_z_does_not_matter():
    network, z = make(), torch.randn(3, 8)
    torch.testing.assert_close(network(z), network(5 * z))


def test_the_average_follows_w():
    network = make(w_avg_beta=0.5)
    for _ in range(50):
        ws = network(torch.randn(256, 8))
        network.track_average(ws)
    torch.testing.assert_close(network.w_avg, ws[:, 0].mean(dim=0), atol=0.3, rtol=0)


@pytest.mark.parametrize(
    ("options", "z", "c", "says"),
    [
        ({"c_dim": 3}, torch.zeros(1, 8), None, "needs labels"),
        ({"c_dim": 3}, torch.zeros(1, 8), torch.zeros(1, 2), "needs labels"),
        ({}, torch.zeros(1, 8), torch.zeros(1, 2), "takes no labels"),
        ({}, torch.zeros(1, 7), None, r"expected \[N, 8\]"),
        ({}, None, None, r"expected \[N, 8\]"),
    ],
)
def test_wrong_inputs_are_named(options, z, c, says):
    with pytest.raises(UserError, match=says):
        make(**options)(z, c)


def test_truncation_without_an_average_is_refused():
    with pytest.raises(UserError, match="truncation"):
        make(w_avg_beta=None)(torch.zeros(1, 8), truncation=0.5)
