"""The examples run, each on a model so small and untrained that it takes a moment."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylegans.config import DCGAN, Mapping, StyleGAN2
from stylegans.files.model_file import write_model
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
def model(tmp_path: Path) -> Callable[[Any], Path]:
    def write(config: Any) -> Path:
        network = warmed(build_generator(config))
        path = tmp_path / "model.safetensors"
        write_model(path, {"generator_ema": (config, network.state_dict())}, family=config.family)
        return path

    return write


def small_dcgan(**options: Any) -> DCGAN:
    return DCGAN(**({"z_dim": 8, "resolution": (16, 16), "channel_base": 64, "channel_max": 8} | options))


def small_stylegan2() -> StyleGAN2:
    mapping = Mapping(z_dim=8, w_dim=8, num_layers=2)
    return StyleGAN2(mapping=mapping, resolution=(16, 16), channel_base=64, channel_max=8)


SUM = ["--add", "1,2,3", "--subtract", "4,5,6", "--add", "7-9"]


def vector_arithmetic(model: Callable[[Any], Path], out: Path) -> None:
    example("vector_arithmetic").main([str(model(small_dcgan())), *SUM, "--out", str(out)])


RUNS = {"vector_arithmetic": vector_arithmetic}


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_an_example_writes_its_picture_and_says_where(
    name: str, model: Callable[[Any], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
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


def test_the_arithmetic_works_in_w_too(model: Callable[[Any], Path], tmp_path: Path) -> None:
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
    model: Callable[[Any], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        example("vector_arithmetic").main([str(model(small_dcgan())), *arguments])
    assert ended.value.code == 2
    assert f"error: {says}" in capsys.readouterr().err
