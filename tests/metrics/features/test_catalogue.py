from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features import catalogue, mobilenet, published
from stylegans.metrics.features.catalogue import SOURCES, Networks, identify
from stylegans.metrics.recipes import RECIPES

FILES = {
    # what tells each network from the others, by itself
    "inception": {"fc.weight": (1008, 2048)},
    "vgg16": {"first": (64, 3, 3, 3)} | {f"wide{i}": (512, 512, 3, 3) for i in range(5)},
    "dinov2": {"model.cls_token": (1, 1, 8)},
    "mobilenet": {"stem": (32, 3, 3, 3), "head": (1280, 320, 1, 1)},
    "lpips_alexnet": {"features.0.weight": (64, 3, 11, 11)},
    "": {"weight": (3, 4)},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    for name, shapes in FILES.items():
        if name != "vgg16":  # 47 MB
            tensors = {key: torch.zeros(shape, dtype=torch.uint8) for key, shape in shapes.items()}
            save_file(tensors, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_networks_are_told_by_their_tensors_in_any_order_of_their_sides(name: str) -> None:
    shapes = FILES[name].values()
    for order in (lambda shape: shape, lambda shape: shape[::-1]):
        state = {key: torch.empty(order(shape), device="meta") for key, shape in zip(FILES[name], shapes, strict=True)}
        assert identify(state) == name
    assert identify({}) == ""


def test_the_embedded_networks_come_without_files_and_are_loaded_once() -> None:
    networks = Networks()
    network, sha256 = networks(RECIPES["fd_mobilenet"])
    assert isinstance(network, mobilenet.MobileNetV2)
    assert sha256 == mobilenet.SHA256
    assert networks(RECIPES["kd_mobilenet"])[0] is network
    assert networks(RECIPES["ppl_alex_wend"])[0].name == "lpips_alexnet"
    assert networks(RECIPES["swd16k"]) == (None, "")


def test_a_file_is_used_for_what_it_holds_whatever_its_name(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vgg16.safetensors"
    path.write_bytes(files["inception"].read_bytes())
    loaded = []
    source = catalogue.Source(lambda path, device: loaded.append(path), published.INCEPTION, "inception")
    monkeypatch.setitem(SOURCES, "inception", source)
    networks = Networks([files["dinov2"], path])
    networks.check(RECIPES["fid50k_full"])
    _, sha256 = networks(RECIPES["fid50k_full"])
    networks(RECIPES["kid50k"])
    assert loaded == [path]
    assert sha256 == catalogue.sha256_of(path)


@pytest.mark.parametrize(
    ("metric", "held", "right"),
    [
        ("fid50k_full", "mobilenet", "fd_mobilenet"),
        ("kid50k", "mobilenet", "kd_mobilenet"),
        ("pr50k3_full", "mobilenet", "pr_mobilenet"),
        ("is50k", "mobilenet", "is_mobilenet"),
        ("ppl_wend", "lpips_alexnet", "ppl_alex_wend"),
        ("ppl2_wend", "lpips_alexnet", "ppl2_alex_wend"),
        ("fid50k", "dinov2", "fd_dinov2"),
        ("kid50k_full", "dinov2", "kd_dinov2"),
        ("pr50k3", "dinov2", "pr_dinov2"),
    ],
)
def test_another_networks_file_is_refused_with_the_name_its_numbers_bear(
    files: dict[str, Path], metric: str, held: str, right: str
) -> None:
    with pytest.raises(UserError, match=f"^{metric}: .*its numbers are called {right};") as refused:
        Networks([files[held]]).check(RECIPES[metric])
    assert "\n" not in str(refused.value)
    assert right in RECIPES


def test_a_file_of_no_known_network_is_refused(files: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="holds no network that is known here"):
        Networks([files[""]]).check(RECIPES["fid50k_full"])


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"--features: .*nowhere\.pt: no such file"):
        Networks([tmp_path / "nowhere.pt"])


@pytest.mark.parametrize("metric", ["fid50k_full", "pr50k3_full", "ppl2_wend", "fd_dinov2"])
def test_weights_that_are_nowhere_are_one_line_that_says_where_they_are(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*arguments: object, **options: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(MissingFile) as refused:
        Networks().check(RECIPES[metric])
    said = str(refused.value)
    assert said.startswith(f"{metric}: ")
    for part in ("https://", "--features FILE", "offline"):
        assert part in said
    assert "\n" not in said
