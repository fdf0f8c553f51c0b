import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stylegans.cli.main import main
from stylegans.config import DCGAN
from stylegans.files.model_file import write_model
from stylegans.networks.families import build_generator

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def dcgan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose export takes little time."""
    torch.manual_seed(0)
    config = DCGAN(z_dim=8, resolution=(8, 8), channel_base=64, channel_max=8)
    path = tmp_path_factory.mktemp("models") / "dcgan.safetensors"
    parts = {"generator_ema": (config, build_generator(config).state_dict())}
    write_model(path, parts, family="dcgan", data="dots", licence="non-commercial")
    return path


@pytest.mark.filterwarnings("ignore:.*non-commercial")  # said when such a model is loaded
def test_export_writes_a_checked_file_with_its_origin(
    dcgan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(dcgan), str(tmp_path / "new" / "model.onnx")]) == 0
    said = capsys.readouterr()
    assert "z [N, 8] to images; onnxruntime agrees" in said.out
    assert said.err == ""
    said_inside = {item.key: item.value for item in onnx.load(tmp_path / "new" / "model.onnx").metadata_props}
    assert said_inside["licence"] == "non-commercial"
    assert said_inside["data"] == "dots"
    assert (said_inside["family"], said_inside["computes"], said_inside["noise"]) == ("dcgan", "generator", "const")


@pytest.mark.filterwarnings("ignore:.*non-commercial")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["model.pb"], "model.pb: name a file that ends in .onnx"),
        (["model.onnx", "--noise", "random"], "--noise: this model has no noise inputs"),
        (["model.onnx", "--opset", "3"], "--opset: 3"),
        (["model.onnx", "--part", "half"], "--part"),
    ],
)
def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    dcgan: Path, tmp_path: Path, refused: Callable[..., None], words: list[str], complaint: str
) -> None:
    refused(["export", dcgan, tmp_path / words[0], *words[1:]], complaint)


@pytest.mark.long
@pytest.mark.parametrize("words", [["--part", "synthesis", "--noise", "random"], []])
def test_a_stylegan2_exports(models: Path, tmp_path: Path, words: list[str]) -> None:
    assert main(["export", str(models / "small.safetensors"), str(tmp_path / "model.onnx"), *words]) == 0
    assert (tmp_path / "model.onnx").exists()


def test_help_needs_neither_torch_nor_onnx() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['export', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'onnx', 'onnxruntime')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--opset" in done.stdout
