"""Exports take seconds each, so the quick tests share three of them; every family is exported in the long ones."""

import pytest
import torch
from torch import nn

from stylegans.config import DCGAN, GAN, Mapping, ProGAN, ResNet, StyleGAN, StyleGAN2, StyleGAN3
from stylegans.errors import RunFailed, UserError
from stylegans.interop import onnx as ours
from stylegans.networks.families import build_generator
from stylegans.networks.pyramid import set_lod
from stylegans.nn.noise import stored_maps

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

MAPPING = Mapping(z_dim=8, w_dim=8, num_layers=2)
SMALL = {"resolution": (8, 8), "channel_base": 64, "channel_max": 8}
CONDITIONAL = StyleGAN2(mapping=Mapping(z_dim=8, w_dim=8, num_layers=2, c_dim=3), **SMALL)
DCGAN_8 = DCGAN(z_dim=8, **SMALL)


def build(config, *, lod=None):
    """A generator in which every parameter counts."""
    G = build_generator(config).eval().requires_grad_(False)
    for name, value in [*G.named_parameters(), *G.named_buffers()]:
        if name.endswith(("bias", "noise_strength", "w_avg", "const")):
            value.add_(torch.randn_like(value) * 0.3)
    if lod is not None:
        set_lod(G, lod)
    return G


def run(path, **inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return torch.from_numpy(found)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A conditional StyleGAN2 and its file."""
    torch.manual_seed(0)
    G, path = build(CONDITIONAL), tmp_path_factory.mktemp("onnx") / "conditional.onnx"
    return G, path, ours.write(path, G, metadata={"licence": "for us alone"})


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("psi", [1.0, 0.5, 0.0])
def test_batch_truncation_and_labels_are_inputs(conditional, n, psi):
    G, path, _ = conditional
    z, c = torch.randn(n, 8), torch.eye(3)[torch.arange(n) % 3]
    expected = G(z, c, truncation=psi)
    found = run(path, z=z, c=c, truncation=torch.tensor(psi))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.max() - expected.min()))


def test_the_file_says_what_it_is_and_nothing_of_this_machine(conditional):
    _, path, written = conditional
    model = onnx.load(path)
    assert {item.key: item.value for item in model.metadata_props} == {"licence": "for us alone"}
    assert (model.producer_name, model.opset_import[0].version) == ("stylegans", ours.OPSET)
    assert written.inputs == {"z": ("N", "8"), "c": ("N", "3"), "truncation": ()}
    assert written.error < 1e-6
    for trace in (b".py", b"site-packages", b"forward"):
        assert trace not in path.read_bytes()


def test_a_model_without_average_takes_no_truncation(tmp_path):
    written = ours.write(tmp_path / "dcgan.onnx", build(DCGAN_8))
    assert written.inputs == {"z": ("N", "8")}


@pytest.fixture(scope="module")
def random_noise(tmp_path_factory):
    """The synthesis network of a StyleGAN2 of one level, with random noise, and its file."""
    torch.manual_seed(0)
    config = StyleGAN2(mapping=MAPPING, resolution=(4, 4), channel_base=64, channel_max=8)
    G, path = build(config), tmp_path_factory.mktemp("onnx") / "random.onnx"
    ours.write(path, G, what="synthesis", noise="random")
    return G, path


def test_random_noise_differs_by_run_and_by_sample(random_noise):
    _, path = random_noise
    ws = torch.randn(1, 2, 8).expand(2, -1, -1)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    first, second = (torch.from_numpy(session.run(None, {"ws": ws.numpy()})[0]) for _ in range(2))
    assert not torch.allclose(first, second)
    assert not torch.allclose(first[0], first[1])


def test_random_noise_is_what_the_noise_inputs_add(random_noise):
    """Given the maps, the graph computes what PyTorch computes with them stored; ``write`` has checked the same."""
    G, path = random_noise
    given, names = ours.with_noise_as_inputs(onnx.load(path))
    ws, noise = torch.randn(1, 2, 8), torch.randn(4, 4)
    (stored,) = stored_maps(G.synthesis).values()
    stored.copy_(noise)
    found = ours.by_onnxruntime(given, {"ws": ws, names[0]: noise[None, None]})
    torch.testing.assert_close(found, G.synthesis(ws), rtol=1e-5, atol=1e-5)


def test_a_difference_is_found_out_and_nothing_written(tmp_path, monkeypatch):
    """As if the exporter had mistaken a weight."""
    exported = ours.convert

    def wrong(graph, *rest):
        with torch.no_grad():
            graph.synthesis.synthesis.project.weight.mul_(1.5)
        model = exported(graph, *rest)
        with torch.no_grad():
            graph.synthesis.synthesis.project.weight.div_(1.5)
        return model

    monkeypatch.setattr(ours, "convert", wrong)
    with pytest.raises(RunFailed, match="computes something else"):
        ours.write(tmp_path / "wrong.onnx", build(DCGAN_8))
    assert not list(tmp_path.iterdir())


def test_what_onnxruntime_cannot_run_is_refused_in_one_line():
    node = onnx.helper.make_node("Relu", ["x"], ["y"], domain="elsewhere")
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy")
    opsets = [onnx.helper.make_opsetid("elsewhere", 1), onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "", [x], [y]), opset_imports=opsets, ir_version=10)
    with pytest.raises(RunFailed, match="onnxruntime cannot run it") as refusal:
        ours.by_onnxruntime(model, {"x": torch.zeros(1)})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"noise": "random"}, "--noise: this model has no noise inputs"),
        ({"noise": "none", "what": "mapping"}, "--noise: the mapping network has no noise"),
        ({"opset": 9}, "--opset: 9 is not between"),
        ({"opset": 999}, "--opset: 999 is not between"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_exported(tmp_path, options, complaint):
    with pytest.raises(UserError, match=complaint):
        ours.write(tmp_path / "no.onnx", build(DCGAN_8), **options)
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_one_line_with_the_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'stylegans\[onnx\]'"):
        ours.require_libraries()


def test_the_model_is_left_as_it_was():
    G = build(ProGAN(z_dim=8, **SMALL), lod=0.4)
    before = {name: value.clone() for name, value in G.state_dict().items()}
    graph = ours.graph_of(G, "generator", "const")
    assert all(torch.equal(value, before[name]) for name, value in G.state_dict().items())
    assert G.state_dict().keys() == before.keys()
    assert isinstance(graph, nn.Module)
    assert torch.equal(graph(torch.ones(2, 8)), G(torch.ones(2, 8)))


MIDDLING = {"resolution": (16, 16), "channel_base": 128, "channel_max": 8}
LARGER = {"resolution": (64, 64), "channel_base": 512, "channel_max": 16}


@pytest.mark.long
@pytest.mark.parametrize(
    ("config", "lod"),
    [
        (StyleGAN2(mapping=MAPPING, **LARGER), None),
        (StyleGAN2(mapping=MAPPING, architecture="orig", **MIDDLING), None),
        (StyleGAN2(mapping=MAPPING, architecture="resnet", **MIDDLING), None),
        (StyleGAN2(mapping=MAPPING, resolution=(20, 12), base=(5, 3), conv_clamp=2.0, channel_max=8), None),
        (StyleGAN2(mapping=MAPPING, resolution=(16, 16), resample_filter=(1, 2, 5, 3), channel_max=8), None),
        (StyleGAN2(mapping=MAPPING, resolution=(16, 16), use_noise=False, img_channels=1, channel_max=8), None),
        (StyleGAN2(mapping=MAPPING, architecture="grow", **MIDDLING), 0.4),
        (StyleGAN3(mapping=MAPPING, num_layers=4, **LARGER), None),
        (StyleGAN3(mapping=MAPPING, num_layers=4, conv_kernel=1, use_radial_filters=True, **MIDDLING), None),
        (StyleGAN(mapping=MAPPING, **LARGER), 0),
        (StyleGAN(mapping=MAPPING, **MIDDLING), 1.3),
        (StyleGAN(mapping=MAPPING, use_styles=False, const_input=False, pixel_norm=True, **SMALL), 0),
        (ProGAN(z_dim=8, c_dim=2, **SMALL), 0.4),
        (DCGAN(z_dim=8, **LARGER), None),
        (GAN(z_dim=8, resolution=(8, 8), channel_base=16, channel_max=16), None),
        (ResNet(z_dim=8, resolution=(16, 16), channel_base=64, channel_max=8), None),
    ],
    ids=str,
)
def test_every_family_exports(tmp_path, config, lod):
    assert ours.write(tmp_path / "model.onnx", build(config, lod=lod)).error < 2e-5


@pytest.mark.long
@pytest.mark.parametrize("config", [StyleGAN2(mapping=MAPPING, **SMALL), StyleGAN(mapping=MAPPING, **SMALL)], ids=str)
@pytest.mark.parametrize("noise", ["random", "none"])
def test_every_noise_exports(tmp_path, config, noise):
    assert ours.write(tmp_path / "model.onnx", build(config), noise=noise).error < 2e-5


@pytest.mark.long
def test_the_halves_are_the_whole(tmp_path):
    G = build(CONDITIONAL)
    for what in ("mapping", "synthesis"):
        ours.write(tmp_path / f"{what}.onnx", G, what=what)
    z, c = torch.randn(3, 8), torch.eye(3)
    ws = run(tmp_path / "mapping.onnx", z=z, c=c, truncation=torch.tensor(0.7))
    torch.testing.assert_close(ws, G.mapping(z, c, truncation=0.7), rtol=1e-5, atol=1e-5)
    expected = G(z, c, truncation=0.7)
    found = run(tmp_path / "synthesis.onnx", ws=ws)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * float(expected.max() - expected.min()))


@pytest.mark.long
@pytest.mark.parametrize("opset", [18, 21, 23])
def test_other_opsets_export(tmp_path, opset):
    ours.write(tmp_path / "model.onnx", build(DCGAN_8), opset=opset)
    assert onnx.load(tmp_path / "model.onnx").opset_import[0].version == opset


@pytest.mark.long
def test_noise_that_onnxruntime_cannot_draw_is_refused(tmp_path):
    config = StyleGAN2(mapping=MAPPING, resolution=(4, 4), channel_base=64, channel_max=8)
    with pytest.raises(RunFailed, match="onnxruntime cannot run it"):
        ours.write(tmp_path / "no.onnx", build(config), what="synthesis", noise="random", opset=22)
    assert not list(tmp_path.iterdir())
