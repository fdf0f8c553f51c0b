import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from stylegans.cli.main import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of 16 × 16 in three classes, each of its own colours."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    labels = []
    for number in range(24):
        colour = np.eye(3)[number % 3] * 200
        noise = random.integers(0, 50, (16, 16, 3))
        Image.fromarray((colour + noise).astype(np.uint8)).save(folder / f"{number:02d}.png")
        labels.append([f"{number:02d}.png", number % 3])
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    return folder


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_numbers_are_shown_with_their_protocol_and_recorded(
    models: Path, pictures: Path, tmp_path: Path, capsys: Capture
) -> None:
    command = ["measure", str(models / "classes.safetensors"), "--data", str(pictures), "--out", str(tmp_path)]
    assert main([*command, "--metrics", "fd_mobilenet,pr_mobilenet,ppl_alex_wend", "--num", "8", "--seed", "3"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "fd_mobilenet",
        "pr_mobilenet_recall",
        "ppl_alex_wend",
        "not truncated",
        "RandomState(3)",
        "biased upwards",
    ):
        assert part in shown
    recorded = lines(tmp_path / "measurements.jsonl")
    assert [line["metric"] for line in recorded] == ["fd_mobilenet", "pr_mobilenet", "ppl_alex_wend"]
    first = recorded[0]
    assert first["values"].keys() == {"fd_mobilenet"}  # type: ignore[attr-defined]
    assert first["num_generated"] == 8
    assert first["seed"] == 3
    assert first["resolution"] == [16, 16]
    for name in ("model_sha256", "data_hash", "features_sha256"):
        assert len(str(first[name])) == 64
    assert {"stylegans", "torch", "numpy", "python"} <= first["versions"].keys()  # type: ignore[attr-defined]
    assert main([*command, "--num", "8", "--seed", "3"]) == 0
    assert lines(tmp_path / "measurements.jsonl")[3]["values"] == first["values"]


def test_records_lie_beside_the_model_unless_told_otherwise(models: Path, pictures: Path, tmp_path: Path) -> None:
    model = tmp_path / "copy.safetensors"
    model.write_bytes((models / "classes.safetensors").read_bytes())
    assert (
        main(["measure", str(model), "--data", str(pictures), "--metrics", "msssim10k,nn_mobilenet", "--num", "6"]) == 0
    )
    assert (tmp_path / "measurements.jsonl").exists()
    with Image.open(tmp_path / "copy-nn_mobilenet.png") as figure:
        assert figure.mode == "RGB"


@pytest.mark.parametrize(
    "words", [["A", "--compare", "B"], ["A", "B"], ["A", "B", "--compare"], ["--compare", "A", "B"]]
)
def test_models_stand_side_by_side(
    models: Path, pictures: Path, tmp_path: Path, capsys: Capture, words: list[str]
) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes((models / "classes.safetensors").read_bytes())
    names = {"A": str(models / "classes.safetensors"), "B": str(other)}
    options = ["--data", str(pictures), "--metrics", "msssim10k,lpips_alex", "--num", "6", "--out", str(tmp_path)]
    assert main(["measure", *(names.get(word, word) for word in words), *options]) == 0
    assert "side by side" in capsys.readouterr().out
    with Image.open(tmp_path / "compare.png") as plot:
        assert plot.width > 300
    assert len({line["model"] for line in lines(tmp_path / "measurements.jsonl")}) == 2


def test_separability_learns_its_attributes_from_the_labels(
    models: Path, pictures: Path, tmp_path: Path, capsys: Capture
) -> None:
    pytest.importorskip("sklearn")
    command = ["measure", str(models / "classes.safetensors"), "--data", str(pictures), "--out", str(tmp_path)]
    assert main([*command, "--metrics", "ls_mobilenet", "--num", "40"]) == 0
    (line,) = lines(tmp_path / "measurements.jsonl")
    assert line["values"].keys() == {"ls_mobilenet_z", "ls_mobilenet_w"}  # type: ignore[attr-defined]
    assert len(line["details"]["classifiers"]) == 3  # type: ignore[index]
    assert "separability" in capsys.readouterr().out
    again = [*command, "--metrics", "ls_mobilenet", "--num", "40"]
    assert main([*again, "--classifiers", str(tmp_path / "attributes.safetensors")]) == 0
    assert lines(tmp_path / "measurements.jsonl")[1]["values"] == line["values"]


def test_a_run_is_measured_against_what_it_was_trained_on(pictures: Path, tmp_path: Path, capsys: Capture) -> None:
    small = ["--size", "16", "--batch", "4", "--channel-base", "64", "--channel-max", "8", "--on-collapse", "off"]
    train = ["train", "tiny", "--data", str(pictures), "--kimg", "0.02", "--out", str(tmp_path / "run"), *small]
    few = ["--outputs.metric-num", "8"]
    assert (
        main([*train, "--metrics", "msssim10k,pr_mobilenet", "--metric-ticks", "1", "--tick-kimg", "0.01", *few]) == 0
    )
    log = lines(tmp_path / "run" / "log.jsonl")
    assert [tick["metrics"].keys() for tick in log if tick["metrics"]] == [  # type: ignore[attr-defined]
        {"msssim10k", "pr_mobilenet_precision", "pr_mobilenet_recall"}
    ] * 2
    assert main(["measure", str(tmp_path / "run"), "--metrics", "fd_mobilenet", "--num", "8"]) == 0
    (line,) = lines(tmp_path / "run" / "measurements.jsonl")
    assert line["data"] == pictures.name
    assert main(["info", str(tmp_path / "run")]) == 0
    assert "msssim10k" in capsys.readouterr().out


def test_folders_and_zips_of_pictures_are_measured_too(
    pictures: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    with zipfile.ZipFile(tmp_path / "samples.zip", "w") as archive:
        for path in sorted(pictures.glob("*.png")):
            archive.write(path, path.name)
    command = ["measure", str(tmp_path / "samples.zip"), "--data", str(pictures), "--metrics"]
    assert main([*command, "fd_mobilenet,pr_mobilenet", "--num", "16"]) == 0
    (first, second) = lines(tmp_path / "measurements.jsonl")
    assert first["num_generated"] == 16
    assert second["values"]["pr_mobilenet_precision"] == 1.0  # type: ignore[index]
    refused([*command, "ppl_alex_wend"], "need a model, not pictures")


def test_all_metrics_are_listed_without_a_model(capsys: Capture) -> None:
    assert main(["measure", "--list"]) == 0
    shown = capsys.readouterr().out
    for name in ("fid50k_full", "ppl2_wend", "fd_mobilenet", "swd16k"):
        assert name in shown


@pytest.fixture
def mobilenet(tmp_path: Path) -> Path:
    """A file that holds, by its shapes, a MobileNetV2."""
    path = tmp_path / "mobilenet.safetensors"
    save_file({"stem": torch.zeros(32, 3, 3, 3), "head": torch.zeros(1280, 320, 1, 1)}, path)
    return path


@pytest.mark.parametrize("metric", ["fid50k_full", "fid50k"])
def test_a_published_name_is_never_given_to_another_network(
    models: Path, pictures: Path, mobilenet: Path, refused: Callable[..., None], metric: str
) -> None:
    command = ["measure", models / "classes.safetensors", "--data", pictures, "--metrics", metric]
    for said in ("MobileNetV2", "fd_mobilenet"):
        refused([*command, "--features", mobilenet], said)
    refused([*command, "--features", pictures / "dataset.json"], "--features: ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--metrics", "fid"], "did you mean fid50k_full"),
        (["--metrics", "fd_mobilenet", "--num", "3"], "at least 4 pictures"),
        (["--num", "0"], "--num: 0"),
        (["--bootstrap", "1"], "--bootstrap: 1"),
        (["--batch", "0"], "--batch: 0"),
        (["--seed", "-1"], "--seed: -1"),
        (["--features", "nowhere.pt"], "--features: nowhere.pt: no such file"),
        (["--classifiers", "nowhere.safetensors"], "nowhere.safetensors: no such file"),
        (["--data", "nowhere"], "--data: nothing at 'nowhere'"),
        (["--metrics", "ls"], "ls_mobilenet"),
        (["--device", "warp"], "--device: 'warp'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    models: Path, pictures: Path, tmp_path: Path, refused: Callable[..., None], words: list[str], says: str
) -> None:
    data = [] if "--data" in words else ["--data", pictures]
    refused(["measure", models / "classes.safetensors", "--out", tmp_path, *data, *words], says)


def test_a_model_must_be_named_and_fit_its_data(models: Path, pictures: Path, refused: Callable[..., None]) -> None:
    refused(["measure", "--metrics", "fd_mobilenet"], "MODEL")
    refused(["measure", models / "plain.safetensors"], "--data: fd_mobilenet needs real pictures")
    unlike = "16x16 in 3 channels do not compare with 16x16 in 1 channel"
    refused(["measure", models / "small.safetensors", "--data", pictures], unlike)


def test_a_measurement_says_its_precision(models: Path, tmp_path: Path) -> None:
    command = ["measure", str(models / "small.safetensors"), "--metrics", "msssim10k", "--num", "16", "--batch", "8"]
    assert main([*command, "--out", str(tmp_path), "--precision", "bfloat16"]) == 0
    record = json.loads((tmp_path / "measurements.jsonl").read_text())
    assert record["precision"] == "bfloat16"
