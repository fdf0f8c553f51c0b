"""``convert`` keeps every network and the licence note, and writes nothing where it refuses."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegans import models
from stylegans.cli import convert
from stylegans.files.model_file import read_model_info
from stylegans.interop.foreign import NVIDIA


@pytest.fixture
def checkpoint(nvidia: Callable[..., Any], write_nvidia: Callable[..., Path]) -> Path:
    options = {"path": "/somewhere/ffhq.zip"}
    networks = {"G": nvidia("ada_G_skip_c5"), "D": nvidia("ada_D_resnet_c5"), "G_ema": nvidia("ada_G_skip_c5")}
    return write_nvidia({"training_set_kwargs": options, "augment_pipe": None, **networks})


def test_every_network_and_the_licence_travel(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "x.safetensors"
    assert convert.main([str(checkpoint), str(out)]) == 0
    said = f"generator_ema, generator, discriminator from stylegan2-ada-pytorch; licence: {NVIDIA}"
    assert capsys.readouterr().out == f"wrote {out}: {said}\n"
    info = read_model_info(out)
    assert (info.family, info.parts, info.data, info.licence) == (
        "stylegan2", ("generator_ema", "generator", "discriminator"), "ffhq", NVIDIA)  # fmt: skip
    z, c = torch.randn(2, 64), torch.eye(5)[:2]
    for part in info.parts:
        with pytest.warns(UserWarning, match="non-commercial") if part == "generator_ema" else torch.no_grad():
            ours = models.load(out, part)
        with pytest.warns(UserWarning, match="non-commercial") if part == "generator_ema" else torch.no_grad():
            theirs = models.load(checkpoint, part)
        x = torch.randn(2, 3, 32, 32) if part == "discriminator" else z
        assert torch.equal(ours(x, c), theirs(x, c))


def test_other_tools_files_and_back_are_the_same_networks(
    nvidia: Callable[..., Any], write_nvidia: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_nvidia({"G_ema": nvidia("ada_G_skip_c0"), "D": nvidia("ada_D_resnet_c0")})
    first = models.read(source)
    for name in ("x.pt", "x.pkl", "from-pt.safetensors"):
        out, before = tmp_path / name, tmp_path / "x.pt" if name.startswith("from") else source
        assert convert.main([str(before), str(out)]) == 0
        back = models.read(out)
        assert back.licence == NVIDIA
        for part in ("generator_ema", "discriminator"):
            torch.testing.assert_close(dict(back.parts[part].state), dict(first.parts[part].state), rtol=1e-6, atol=0)


def test_what_a_format_cannot_hold_is_refused_with_the_reason(
    nvidia: Callable[..., Any], write_nvidia: Callable[..., Path], tmp_path: Path, refused: Callable[..., None]
) -> None:
    source = write_nvidia({"G_ema": nvidia("ada_G_orig_c0")})
    for name, reason in (("x.pt", "cannot hold architecture orig"), ("x.pkl", "there is no discriminator")):
        refused(["convert", source, tmp_path / name], reason)


def test_our_own_models_are_copied_with_all_they_say(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    convert.main([str(checkpoint), str(first)])
    convert.main([str(first), str(second)])
    assert second.read_bytes() == first.read_bytes()


def test_what_exists_is_replaced_only_by_force(checkpoint: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    out = tmp_path / "x.safetensors"
    out.write_text("mine")
    refused(["convert", checkpoint, out], "exists; --force replaces it")
    assert convert.main([str(checkpoint), str(out), "--force"]) == 0
    assert read_model_info(out).licence == NVIDIA
    (tmp_path / "folder.safetensors").mkdir()
    refused(["convert", checkpoint, tmp_path / "folder.safetensors", "--force"], "is a folder")


def test_a_destination_of_no_known_kind_is_refused_before_anything_is_read(
    tmp_path: Path, refused: Callable[..., None]
) -> None:
    refused(
        ["convert", "nowhere.pkl", tmp_path / "x.onnx"],
        "DST: x.onnx: a model is written; name a file that ends in .safetensors",
    )
    refused(["convert", "nowhere.pkl", tmp_path / "x.safetensors"], "nowhere.pkl")


def test_a_source_that_is_no_checkpoint_is_one_line(tmp_path: Path, refused: Callable[..., None]) -> None:
    (tmp_path / "x.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    refused(["convert", tmp_path / "x.pkl", tmp_path / "x.safetensors"], "asks for os.system")


def test_the_notice_of_a_restricted_model_is_one_line_on_stderr(checkpoint: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stylegans", "generate", checkpoint, "--seeds", "0", "--out", tmp_path / "p"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    assert done.stderr == f"stylegans: {checkpoint}: {NVIDIA}\n"
    assert (tmp_path / "p" / "seed0000.png").is_file()


def test_help_needs_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from stylegans.cli.convert import main\n"
        "try: code = main(['--help'])\n"
        "except SystemExit as stop: code = stop.code\n"
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'safetensors')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "stylegans convert" in done.stdout
