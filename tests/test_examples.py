"""The examples run, each on a model so small and untrained that it takes a moment."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import stylegans
from stylegans.config import DCGAN, Mapping, ProGAN, StyleGAN2
from stylegans.files.model_file import write_model
from stylegans.files.pictures import save_png, to_uint8
from stylegans.networks.base import GeneratorNetwork
from stylegans.networks.families import build_generator

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def warmed(network: GeneratorNetwork) -> GeneratorNetwork:
    """After a few batches, of which batch norms keep the statistics: before, evaluation draws plain grey."""
    with torch.no_grad():
        for _ in range(30):
            network(torch.randn(8, network.z_dim))
    return network.eval()


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    def write(config: Any, *, name: str = "model") -> Path:
        network = warmed(build_generator(config))
        path = tmp_path / f"{name}.safetensors"
        write_model(path, {"generator_ema": (config, network.state_dict())}, family=config.family)
        return path

    return write


def small_dcgan(**options: Any) -> DCGAN:
    return replace(DCGAN(z_dim=8, resolution=(16, 16), channel_base=64, channel_max=8), **options)


def small_stylegan2(**options: Any) -> StyleGAN2:
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=2)
    return replace(StyleGAN2(mapping=mapping, resolution=(16, 16), channel_base=64, channel_max=8), **options)


SUM = ["--add", "1,2,3", "--subtract", "4,5,6", "--add", "7-9"]


Models = Callable[..., Path]


def run(name: str, *words: object) -> None:
    example(name).main(list(map(str, words)))


def vector_arithmetic(model: Models, out: Path) -> None:
    run("vector_arithmetic", model(small_dcgan()), *SUM, "--out", out)


def blend(model: Models, out: Path) -> None:
    a, b = (model(small_stylegan2(), name=name) for name in "ab")
    run("blend", a, b, "--seeds", "0,1", "--out", out)


def drag(model: Models, out: Path) -> None:
    words = ("--move", "3,4:9,4", "--move", "10,12:12,8", "--movable", "0,0,15,12", "--mask-weight", 1, "--steps", 4)
    run("drag", model(small_stylegan2()), "--seed", 2, *words, "--out", out)


def walk(model: Models, out: Path) -> None:
    video = out.with_suffix(".gif")
    run("walk", model(small_stylegan2()), "--seeds", "1,5", "--frames", 4, "--out", out, "--video", video)
    assert video.exists()


def directions(model: Models, out: Path) -> None:
    run("directions", model(small_stylegan2()), "--count", 2, "--layers", "0-3", "--out", out)


def figures(model: Models, out: Path) -> None:
    run("figures", model(small_stylegan2()), "--seeds", "0,1", "--psi", "1,0.5", "--out", out)


def project(model: Models, out: Path) -> None:
    path = model(small_stylegan2(), name="other")
    picture = out.with_name("picture.png")
    with torch.no_grad():
        save_png(picture, to_uint8(stylegans.load(path)(torch.randn(1, 8)))[0])
    run("project", model(small_stylegan2()), picture, "--steps", 2, "--tune-steps", 2, "--out", out)


RUNS = {
    "vector_arithmetic": vector_arithmetic,
    "blend": blend,
    "drag": drag,
    "walk": walk,
    "directions": directions,
    "figures": figures,
    "project": project,
}


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_an_example_writes_its_picture_and_says_where(
    name: str, model: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    RUNS[name](model, out)
    assert capsys.readouterr().out == f"wrote {out}\n"
    with Image.open(out) as picture:
        colours = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert (np.ptp(colours, axis=1) > 0).sum() > 100  # lettering is grey, pictures are not


@pytest.mark.parametrize("name", RUNS)
def test_an_example_says_what_it_is_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = example(name)
    with pytest.raises(SystemExit) as ended:
        module.main(["--help"])
    assert ended.value.code == 0
    assert module.__doc__ is not None
    assert module.__doc__.splitlines()[0] in capsys.readouterr().out


def test_the_arithmetic_has_a_row_for_each_group_and_captions() -> None:
    module = example("vector_arithmetic")
    groups = [module.Group((1, 2, 3)), module.Group((4, 5), sign=-1), module.Group((6,))]
    for channels in (1, 3):
        G = warmed(build_generator(small_dcgan(img_channels=channels)))
        sheet = module.figure(G, groups)
        captions = [axes.get_title() for axes in sheet.axes]
        assert captions[::2] == ["+ seeds 1, 2, 3", "− seeds 4, 5", "+ seeds 6", "= the result, amid its neighbours"]
        assert captions[1::2] == ["mean"] * 3


def test_the_arithmetic_works_in_w_too(model: Models, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    example("vector_arithmetic").main([str(model(small_stylegan2())), *SUM, "--space", "w", "--out", str(out)])
    assert out.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "groups: there is nothing to add up"),
        (["--add", "1,x"], "--add: 'x' is not a seed"),
        (["--subtract", "9-1"], "--subtract: the range 9-1 runs backwards"),
        (["--add", "1", "--space", "w"], "space: this model has no mapping network"),
    ],
)
def test_the_arithmetic_says_what_is_wrong(
    arguments: list[str],
    says: str,
    model: Models,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        example("vector_arithmetic").main([str(model(small_dcgan())), *arguments])
    assert ended.value.code == 2
    assert f"error: {says}" in capsys.readouterr().err


# --- blends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_the_blends_go_from_b_to_a_by_resolution(channels: int) -> None:
    module = example("blend")
    config = small_stylegan2(img_channels=channels, resolution=(12, 20), base=(3, 5))
    a, b = (module.Weights(config, dict(build_generator(config).state_dict())) for _ in range(2))
    axes = module.figure(a, b, (0, 1)).axes
    assert [each.get_title() for each in axes] == ["B", "A up to 5", "A up to 10", "A"]
    shown = [np.asarray(each.images[0].get_array()) for each in axes]
    assert all(picture.shape[:2] == (2 * 12 + 1, 20) for picture in shown)
    assert all(not np.array_equal(one, other) for one, other in pairwise(shown))


def test_blends_of_different_models_are_refused(
    model: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = model(small_stylegan2(), name="a"), model(small_dcgan(), name="b")
    with pytest.raises(SystemExit):
        run("blend", *paths)
    assert "error: B: its family is dcgan, that of A stylegan2" in capsys.readouterr().err


# --- dragging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config", [small_stylegan2(img_channels=4), small_stylegan2(img_channels=2), ProGAN(z_dim=8, resolution=(16, 16))]
)
def test_a_drag_is_shown_before_on_its_way_and_after(config: Any) -> None:
    module = example("drag")
    G = build_generator(config).eval()
    settings = replace(module.default_settings(G), steps=2)
    steps = list(module.drag(G, torch.randn(1, G.num_ws, G.w_dim), [(3, 4)], [(9, 4)], settings=settings))
    axes = module.figure(steps, [(9, 4)]).axes
    assert [each.get_title() for each in axes] == ["before: from red to blue", "the way of the points", "after 2 steps"]
    assert axes[1].lines[0].get_xydata().tolist() == [list(step.points[0]) for step in steps]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--move", "3,4:99,4"], "error: targets: 99,4 is outside the picture; x goes from 0 to 15"),
        (["--move", "3,4"], "error: argument --move: invalid move value: '3,4'"),
        (["--move", "3,4:9,4", "--movable", "1,2"], "error: argument --movable"),
        (["--move", "3,4:9,4", "--steps", "0"], "error: steps: 0 should be above 0"),
        ([], "--move"),
    ],
)
def test_the_drag_says_what_is_wrong(
    arguments: list[str], says: str, model: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run("drag", model(small_stylegan2()), *arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
