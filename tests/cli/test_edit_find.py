import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegans import models as loader
from stylegans.cli.main import main
from stylegans.tools.directions import find_pca, find_sefa, read_directions
from stylegans.tools.generate import styles


def line(model: Path, out: Path, *words: str) -> list[str]:
    return ["edit", "find", str(model), "--out", str(out), *words]


def find(model: Path, out: Path, *words: str) -> int:
    return main(line(model, out, *words))


@pytest.mark.parametrize(("method", "first"), [("sefa", "sefa0"), ("pca", "pc0")])
def test_several_directions_go_to_one_file(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str, first: str
) -> None:
    out = tmp_path / "found.safetensors"
    assert find(models / "plain.safetensors", out, "--method", method, "--count", "3", "--samples", "100") == 0
    said = capsys.readouterr().out
    assert f"{first}: standard deviation" in said
    assert f"wrote {out}: 3 directions" in said
    G = loader.load(models / "plain.safetensors")
    expected = find_sefa(G, count=3, samples=100) if method == "sefa" else find_pca(G, count=3, samples=100)
    for one, other in zip(read_directions(out), expected, strict=True):
        assert one.name == other.name
        assert torch.equal(one.vector, other.vector)
        assert one.unit == other.unit


def test_a_folder_gets_a_file_each_and_the_same_words_the_same_bytes(models: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        words = ("--method", "sefa", "--count", "2", "--layers", "coarse", "--samples", "50")
        assert find(models / "plain.safetensors", tmp_path / name, *words) == 0
    names = ["sefa0.safetensors", "sefa1.safetensors"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert read_directions(tmp_path / "a" / names[0])[0].layers == (0, 1, 2, 3)


def test_a_boundary_of_the_models_classes(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "class.safetensors"
    words = ("--method", "boundary", "--labels", "class:1", "--samples", "300")
    assert find(models / "classes.safetensors", out, *words) == 0
    assert "class1: standard deviation" in (said := capsys.readouterr().out)
    assert "of those held out" in said
    (found,) = read_directions(out)
    assert (found.name, found.method) == ("class1", "boundary")
    assert found.facts["accuracy"] > 0.9  # the label's embedding is half of what the mapping network sees


def test_scores_of_seeds_from_a_file(models: Path, tmp_path: Path) -> None:
    G = loader.load(models / "plain.safetensors")
    seeds = range(100, 300)
    values = styles(G, seeds)[:, 0, 0].tolist()
    rows = "\n".join(f"{seed},{value}" for seed, value in zip(seeds, values, strict=True))
    (tmp_path / "first.csv").write_text(f"seed,score\n{rows}\n", encoding="utf-8")
    (tmp_path / "first.json").write_text(json.dumps(dict(zip(seeds, values, strict=True))), encoding="utf-8")
    for kind in ("csv", "json"):
        words = ("--method", "boundary", "--labels", str(tmp_path / f"first.{kind}"), "--keep", "60")
        assert find(models / "plain.safetensors", tmp_path / f"{kind}.safetensors", *words) == 0
    ((csv,), (as_json,)) = (read_directions(tmp_path / f"{kind}.safetensors") for kind in ("csv", "json"))
    assert csv.name == "first"
    assert torch.equal(csv.vector, as_json.vector)
    assert csv.facts["positives"] == 60
    assert csv.facts["accuracy"] > 0.9


def test_a_difference_of_seeds_or_of_labels(models: Path, tmp_path: Path) -> None:
    G, plain = loader.load(models / "plain.safetensors"), models / "plain.safetensors"
    words = ("--method", "difference", "--samples", "100", "--name", "smile")
    assert find(plain, tmp_path / "a.safetensors", *words, "--positive", "1,5,9", "--negative", "2-3") == 0
    (tmp_path / "who.csv").write_text("1,1\n5,1\n9,1\n2,0\n3,0\n", encoding="utf-8")
    assert find(plain, tmp_path / "b.safetensors", *words, "--labels", str(tmp_path / "who.csv")) == 0
    expected = styles(G, (1, 5, 9))[:, 0].mean(dim=0) - styles(G, (2, 3))[:, 0].mean(dim=0)
    for name in ("a", "b"):
        (found,) = read_directions(tmp_path / f"{name}.safetensors")
        assert found.name == "smile"
        torch.testing.assert_close(found.vector, expected)


def test_a_classifier_of_imagenet_looks_at_the_pictures(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.safetensors"
    words = ("--method", "difference", "--classifier", "mobilenet:207", "--samples", "10", "--keep", "3")
    assert find(models / "small.safetensors", out, *words) == 0
    assert read_directions(out)[0].name == "mobilenet207"


def test_against_others_it_is_orthogonal_to_them(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, pca = models / "plain.safetensors", tmp_path / "pca.safetensors"
    assert find(plain, pca, "--method", "pca", "--count", "3", "--samples", "100") == 0
    words = ("--method", "sefa", "--count", "1", "--samples", "100", "--against", f"{pca}:pc0,pc2")
    assert find(plain, tmp_path / "a.safetensors", *words) == 0
    assert "of its length left" in capsys.readouterr().out
    (found,), axes = read_directions(tmp_path / "a.safetensors"), read_directions(pca)
    cosines = [float(torch.nn.functional.cosine_similarity(found.vector, axis.vector, dim=0)) for axis in axes]
    np.testing.assert_allclose([cosines[0], cosines[2]], 0, atol=1e-6)
    assert abs(cosines[1]) > 1e-3


REFUSED = [
    ("plain", ("--method", "boundary"), "--labels: say who has the attribute: --labels or --classifier, one of them"),
    ("plain", ("--method", "difference", "--positive", "1"), "--positive: goes with --negative"),
    ("plain", ("--method", "boundary", "--positive", "1", "--negative", "2"), "--positive: goes with --negative"),
    ("plain", ("--method", "sefa", "--labels", "class:1"), "--labels: belongs to --method boundary and difference"),
    ("plain", ("--method", "pca", "--samples", "1"), "--samples: 1"),
    ("plain", ("--method", "pca", "--count", "9", "--samples", "100"), "--count: 9 is not between 1 and 8"),
    ("plain", ("--method", "sefa", "--layers", "99"), "--layers: 99"),
    ("plain", ("--method", "boundary", "--labels", "class:1"), "--labels: class 1 is none of this model's"),
    ("classes", ("--method", "boundary", "--labels", "class:x"), "--labels: 'class:x' is no class"),
    ("classes", ("--method", "boundary", "--labels", "class:1", "--class", "0"), "--class: with --labels class:3"),
    ("plain", ("--method", "boundary", "--labels", "none.csv"), "none.csv: no such file"),
    ("plain", ("--method", "boundary", "--classifier", "mobilenet:1000"), "--classifier: '1000' is no class"),
    ("plain", ("--method", "boundary", "--classifier", "my.pt"), "--classifier: 'my.pt' is neither"),
    ("two-channels", ("--method", "boundary", "--classifier", "mobilenet:1"), "--classifier: sees pictures of 1, 3"),
    ("plain", ("--method", "difference", "--positive", "x", "--negative", "2"), "--positive: 'x' is not a seed"),
    ("plain", ("--method", "sefa", "--against", "none.safetensors"), "none.safetensors: no such file"),
]


@pytest.mark.parametrize(("model", "words", "complaint"), REFUSED)
def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, tmp_path: Path, refused: Callable[..., None], model: str, words: tuple[str, ...], complaint: str
) -> None:
    refused(line(models / f"{model}.safetensors", tmp_path / "out" / "a.safetensors", *words), complaint)


def test_another_ending_is_refused(models: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    words = line(models / "plain.safetensors", tmp_path / "a.png", "--method", "sefa")
    refused(words, "--out: a.png: name a file that ends in .safetensors")


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['edit', 'find', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--method" in done.stdout
