import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegans import models as loader
from stylegans.cli.main import main
from stylegans.config import DCGAN, ProGAN
from stylegans.files.model_file import write_model
from stylegans.files.pictures import as_image, to_uint8, visible
from stylegans.networks.families import build_generator
from stylegans.tools.directions import Direction, find_sefa, read_directions, write_directions
from stylegans.tools.generate import render, styles
from stylegans.tools.latents import Latent, write_latent
from stylegans.tools.noise_maps import draw


@pytest.fixture(scope="module")
def directions(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of two directions for each model, of the model's name."""
    folder = tmp_path_factory.mktemp("directions")
    for model in models.glob("*.safetensors"):
        write_directions(folder / model.name, find_sefa(loader.load(model), count=2, samples=50))
    return folder


def line(model: Path, direction: str, out: Path, *words: str) -> list[str]:
    return ["edit", "apply", str(model), direction, "--out", str(out), *words]


def apply(model: Path, direction: str, out: Path, *words: str) -> int:
    return main(line(model, direction, out, *words))


def has_picture(sheet: Path, picture: np.ndarray) -> bool:
    """Up to one grey level: sums of other orders, in batches of other sizes, may round to the next."""
    with Image.open(sheet) as opened:
        pixels = np.asarray(opened.convert("RGB")).astype(int)
    shown = np.asarray(as_image(picture).convert("RGB")).astype(int)
    height, width = shown.shape[:2]
    corners = np.argwhere((abs(pixels[: 1 - height, : 1 - width] - shown[0, 0]) <= 1).all(axis=2))
    return any((abs(pixels[y : y + height, x : x + width] - shown) <= 1).all() for y, x in corners)


@pytest.mark.parametrize("model", ["plain", "classes", "two-channels", "small"])
def test_a_strip_holds_the_unedited_pictures(
    models: Path, directions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    path, out = models / f"{model}.safetensors", tmp_path / "strip.png"
    words = ("--seeds", "4-5", "--strength", "-3,0,3", "--scale", "1")
    assert apply(path, f"{directions / model}.safetensors:sefa1", out, *words) == 0
    assert f"wrote {out}: 2 rows along sefa1, 3 strengths" in capsys.readouterr().out
    G = loader.load(path)
    for seed in (4, 5):
        assert has_picture(out, visible(to_uint8(render(G, styles(G, [seed]), [seed])))[0])


def test_a_folder_gets_a_strip_of_each_direction(models: Path, directions: Path, tmp_path: Path) -> None:
    out = tmp_path / "strips"
    assert apply(models / "small.safetensors", str(directions / "small.safetensors"), out, "--steps", "2") == 0
    assert sorted(path.name for path in out.iterdir()) == ["sefa0.png", "sefa1.png"]


@pytest.mark.parametrize("model", ["classes", "two-channels"])
def test_a_video_goes_to_and_fro(
    models: Path, directions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    out = tmp_path / "a.gif"
    words = ("--frames", "8", "--fps", "10", "--from", "-2", "--to", "2", "--class", "1")[
        : 8 if model != "classes" else 10
    ]
    assert apply(models / f"{model}.safetensors", f"{directions / model}.safetensors:sefa0,sefa1=-2", out, *words) == 0
    assert "8 frames, 0.8 s, to and fro" in capsys.readouterr().out
    with Image.open(out) as animation:
        assert animation.n_frames == 8
        assert animation.size == (384, 384)  # four seeds of 16 pixels, two by two, 12 times as large


def test_layers_move_alone(models: Path, directions: Path, tmp_path: Path) -> None:
    plain = models / "plain.safetensors"
    strips = []
    for number, layers in enumerate(("0-1", "8-9", "all")):
        out = tmp_path / f"{number}.png"
        assert apply(plain, f"{directions / 'plain.safetensors'}:sefa0", out, "--layers", layers, "--seeds", "1") == 0
        strips.append(out.read_bytes())
    assert len(set(strips)) == 3


def test_a_latent_keeps_its_noise(models: Path, directions: Path, tmp_path: Path) -> None:
    G = loader.load(models / "plain.safetensors")
    for name, parameter in G.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(1.0)
    parts = {"generator_ema": (G.config, G.state_dict())}
    noisy = tmp_path / "noisy.safetensors"
    write_model(noisy, parts, family="stylegan2")
    noise = draw(G, count=1, generator=torch.Generator().manual_seed(3))
    write_latent(tmp_path / "me.safetensors", Latent(styles(G, [7]), noise))
    write_latent(tmp_path / "bare.safetensors", Latent(styles(G, [7])))
    for name in ("me", "bare"):
        words = ("--latent", str(tmp_path / f"{name}.safetensors"), "--strength", "0", "--scale", "1")
        assert apply(noisy, f"{directions / 'plain.safetensors'}:sefa0", tmp_path / f"{name}.png", *words) == 0
    plain = to_uint8(render(G, styles(G, [7]), [7]))[0]
    assert has_picture(tmp_path / "bare.png", plain)
    assert not has_picture(tmp_path / "me.png", plain)


@pytest.mark.parametrize("config", [DCGAN, ProGAN], ids=["dcgan", "progan"])
def test_a_model_without_a_mapping_network_moves_in_z(
    tmp_path: Path, refused: Callable[..., None], config: type[DCGAN]
) -> None:
    torch.manual_seed(0)
    made = config(z_dim=6, resolution=(16, 16), channel_base=64, channel_max=8)
    model, out = tmp_path / "model.safetensors", tmp_path / "a.safetensors"
    parts = {"generator_ema": (made, build_generator(made).state_dict())}
    write_model(model, parts, family=made.family)
    for method in ("sefa", "pca"):
        words = ("--method", method, "--count", "2", "--samples", "100", "--out", str(out))
        assert main(["edit", "find", str(model), *words]) == 0
        assert {each.space for each in read_directions(out)} == {"z"}
        assert apply(model, str(out), tmp_path / "strips") == 0
    layers = line(model, f"{out}:pc0", tmp_path / "b.png", "--layers", "0")
    refused(layers, "--layers: this model has one style for all its layers")


def test_list_shows_what_a_file_holds(directions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["edit", "apply", "--list", str(directions / "plain.safetensors")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["sefa0", "sefa1"]
    assert lines[0].endswith("(sefa)")


def test_another_models_direction_is_used_with_a_note_or_refused(
    models: Path,
    directions: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    refused: Callable[..., None],
) -> None:
    found, out = directions / "classes.safetensors", tmp_path / "a.png"
    assert apply(models / "small.safetensors", f"{found}:sefa0", out) == 0
    assert "note: found in other weights" in capsys.readouterr().out
    write_directions(tmp_path / "wide.safetensors", [Direction("wide", torch.ones(99))])
    wide = line(models / "small.safetensors", str(tmp_path / "wide.safetensors"), tmp_path / "b.png")
    refused(wide, "wide has 99 numbers, but this model's latents have 8")


REFUSED = [
    ("a.png", "{}", (), "DIRECTION: choose one"),
    ("a.png", "{}:sefa9", (), "no direction 'sefa9'; there are sefa0, sefa1"),
    ("a.jpg", "{}:sefa0", (), "--out: a.jpg: name a .png"),
    ("a.png", "{}:sefa0", ("--strength", "1,x"), "--strength: '1,x' is not a list"),
    ("a.png", "{}:sefa0", ("--strength", "-1,1", "--steps", "3"), "--strength: says what"),
    ("a.png", "{}:sefa0", ("--from", "nan"), "--strength: a strength is not finite"),
    ("a.png", "{}:sefa0", ("--steps", "0"), "--steps: 0"),
    ("a.png", "{}:sefa0", ("--scale", "0"), "--scale: 0"),
    ("a.png", "{}:sefa0", ("--seeds", "x"), "--seeds: 'x'"),
    ("a.png", "{}:sefa0", ("--layers", "3-99"), "--layers: 3-99 reaches beyond"),
    ("a.png", "{}:sefa0", ("--class", "1"), "--class: this model has no classes"),
    ("a.png", "{}:sefa0", ("--latent", "none.safetensors"), "none.safetensors: no such file"),
    ("a.png", "{}:sefa0", ("--latent", "x", "--seeds", "1"), "--seeds: a latent is what it is"),
    ("a.gif", "{}:sefa0", ("--fps", "60"), "--fps: 60"),
    ("a.gif", "{}:sefa0", ("--frames", "1"), "--frames: 1"),
]


@pytest.mark.parametrize(("name", "direction", "words", "complaint"), REFUSED)
def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path,
    tmp_path: Path,
    directions: Path,
    refused: Callable[..., None],
    name: str,
    direction: str,
    words: tuple[str, ...],
    complaint: str,
) -> None:
    plain = models / "plain.safetensors"
    chosen = direction.replace("{}", str(directions / "plain.safetensors"))
    refused(line(plain, chosen, tmp_path / "out" / name, *words), complaint)


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['edit', 'apply', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--strength" in done.stdout
