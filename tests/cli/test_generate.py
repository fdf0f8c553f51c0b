import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegans.cli.main import main
from stylegans.data.images import open_dataset
from stylegans.tools.unfinished import Unfinished


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_generate_writes_a_png_per_seed_and_the_numbers_before_rounding(models: Path, tmp_path: Path) -> None:
    command = ["generate", str(models / "plain.safetensors"), "--seeds", "0-2,11,0", "--out", str(tmp_path / "new")]
    assert main(command) == 0
    assert main([*command, "--format", "npz", "--batch", "2"]) == 0
    names = [f"seed{seed:04d}.png" for seed in (0, 1, 2, 11)]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["images.npz", *names]
    arrays = np.load(tmp_path / "new" / "images.npz")
    assert (arrays["images"].dtype, arrays["images"].shape) == (np.float32, (4, 3, 64, 64))
    assert (arrays["seeds"].dtype, arrays["seeds"].tolist()) == (np.int64, [0, 1, 2, 11])
    rounded = np.clip(arrays["images"] * 127.5 + 128, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    for expected, name in zip(rounded, names, strict=True):
        assert np.abs(picture(tmp_path / "new" / name).astype(int) - expected).max() <= 1


def test_generate_makes_a_grid(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--seeds", "0-4", "--format", "grid", "--truncation", "0.5", "--truncation-layers", "4"]
    assert main(["generate", str(models / "plain.safetensors"), "--out", str(tmp_path), *words]) == 0
    assert picture(tmp_path / "grid.png").shape == (2 * 64, 3 * 64, 3)
    assert capsys.readouterr().out == f"wrote {tmp_path / 'grid.png'}: 5 pictures\n"


def test_drawn_classes_are_printed(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", str(models / "classes.safetensors"), "--seeds", "0,1", "--out", str(tmp_path)]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("classes (drawn by seed; --class chooses): seed 0 class ")
    for label in ("1", "0,1,1", "-0.5,1,0"):
        assert main([*command, "--class", label]) == 0
        assert capsys.readouterr().out.startswith("wrote 2 pictures")


def test_what_a_png_cannot_hold_becomes_an_array(models: Path, tmp_path: Path) -> None:
    assert main(["generate", str(models / "two-channels.safetensors"), "--seeds", "3", "--out", str(tmp_path)]) == 0
    array = np.load(tmp_path / "seed0003.npy")
    assert (array.dtype, array.shape) == (np.uint8, (2, 16, 16))


def test_a_grid_shows_what_can_be_shown_of_other_channels(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", str(models / "two-channels.safetensors"), "--seeds", "3", "--out", str(tmp_path)]
    assert main([*command, "--format", "grid"]) == 0
    assert capsys.readouterr().out.endswith("grid.png: 1 pictures, of 2 channels the first 1\n")
    assert main(command) == 0
    assert np.array_equal(picture(tmp_path / "grid.png"), np.load(tmp_path / "seed0003.npy")[0])


def test_wrong_options_are_refused_in_one_line_and_leave_nothing(
    models: Path, tmp_path: Path, refused: Callable[..., None]
) -> None:
    plain, out = models / "plain.safetensors", tmp_path / "out"
    classes = models / "classes.safetensors"
    (tmp_path / "file").touch()
    for words, complaint in (
        (("generate", plain, "--seeds", "x", "--out", out), "--seeds: 'x'"),
        (("generate", plain, "--seeds", "1", "--out", tmp_path / "file"), "--out: "),
        (("generate", plain, "--seeds", "1", "--out", out, "--class", "0"), "--class: "),
        (("generate", plain, "--seeds", "1", "--out", out, "--batch", "0"), "--batch: "),
        (("generate", classes, "--seeds", "1", "--out", out, "--class", "0,1"), "--class: 2 numbers"),
        (("generate", classes, "--seeds", "1", "--out", out, "--class", "cat"), "--class: 'cat'"),
        (("generate", tmp_path / "none.safetensors", "--seeds", "1", "--out", out), "none.safetensors"),
    ):
        refused(words, complaint)


def test_help_needs_neither_torch_nor_numpy_nor_pillow() -> None:
    code = (
        "import sys; from stylegans.cli.main import main; "
        "code = main(['generate', '--help']); "
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--out" in done.stdout


# --- very many ------------------------------------------------------------------------------------------------------


def files(path: Path) -> dict[str, bytes]:
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def start(*words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "stylegans", *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def killed_when(process: "subprocess.Popen[str]", done: Path, count: int, *, by: int = signal.SIGKILL) -> str:
    """Kill it once ``count`` pieces are marked; what it said."""
    while process.poll() is None and len(list(done.glob("piece-*"))) < count:
        time.sleep(0.01)
    process.send_signal(by)
    return process.communicate()[0]


def test_a_zip_is_a_data_set_with_the_labels_that_were_drawn(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], refused: Callable[..., None]
) -> None:
    out = tmp_path / "new" / "many.zip"
    command = ["generate", str(models / "classes.safetensors"), "--seeds", "0-69", "--out", str(out)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith("classes (drawn by seed; --class chooses): 70 pictures of 3 classes, ")
    assert said.endswith(f"wrote 70 pictures to {out}: a data set\n")
    dataset = open_dataset(str(out), labels=True)
    assert (len(dataset), dataset.resolution) == (70, (16, 16))
    assert [int(dataset.label(i).argmax()) for i in range(70)] == [
        int(np.random.default_rng(seed).integers(3)) for seed in range(70)
    ]
    before = out.stat()
    assert main(command) == 0  # finished: nothing is drawn again
    assert capsys.readouterr().out == f"{out} is complete: 70 pictures, made by the same command\n"
    assert out.stat() == before
    refused([*command, "--truncation", "0.5"], "holds pictures made with --truncation 1.0, now 0.5")


def test_a_data_set_and_shards_go_to_folders(models: Path, tmp_path: Path) -> None:
    command = ["generate", str(models / "two-channels.safetensors"), "--seeds", "0-4"]
    assert main([*command, "--out", str(tmp_path / "set"), "--format", "dataset"]) == 0
    assert sorted(files(tmp_path / "set")) == [
        *(f"00000/seed0000000{i}.npy" for i in range(5)), "dataset.json", "generated.json"
    ]  # fmt: skip
    assert main([*command, "--out", str(tmp_path / "shards"), "--format", "shards", "--shard-size", "3"]) == 0
    assert sorted(files(tmp_path / "shards")) == ["generated.json", "shard-000000.tar", "shard-000001.tar"]


def test_killed_at_any_moment_the_same_command_continues_to_the_same_bytes(models: Path, tmp_path: Path) -> None:
    words = ["generate", models / "plain.safetensors", "--seeds", "0-249", "--batch", "16", "--out"]
    assert main([str(word) for word in [*words, tmp_path / "whole.zip"]]) == 0
    killed_when(start(*words, tmp_path / "many.zip"), tmp_path / ".many.zip.unfinished" / "done", 1)
    assert not (tmp_path / "many.zip").exists()
    assert main([str(word) for word in [*words, tmp_path / "many.zip"]]) == 0
    assert (tmp_path / "many.zip").read_bytes() == (tmp_path / "whole.zip").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.zip", "whole.zip"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("out", ()),
        ("out", ("--format", "dataset")),
        ("out.zip", ()),
        ("out", ("--format", "shards", "--shard-size", "150")),
        ("out", ("--workers", "2")),
    ],
)
def test_many_kills_change_nothing(models: Path, tmp_path: Path, name: str, more: tuple[str, ...]) -> None:
    words = ["generate", models / "classes.safetensors", "--seeds", "0-999", "--noise", "random", *more, "--out"]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = start(*words, tmp_path / "a" / name)
    whole.communicate()
    assert whole.returncode == 0
    folder = tmp_path / "b" / (f".{name}.unfinished" if name.endswith(".zip") else f"{name}/.unfinished")
    for count in (0, 2, 7):
        killed_when(start(*words, tmp_path / "b" / name), folder / "done", count)
    again = start(*words, tmp_path / "b" / name)
    assert "wrote 1000 pictures" in again.communicate()[0]
    assert files(tmp_path / "b") == files(tmp_path / "a")


@pytest.mark.long
def test_two_processes_of_torchrun_make_the_same_bytes(models: Path, tmp_path: Path) -> None:
    words = ["generate", str(models / "plain.safetensors"), "--seeds", "0-299", "--out"]
    assert main([*words, str(tmp_path / "one.zip")]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*torchrun, "-m", "stylegans", "--", *words, str(tmp_path / "two.zip")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True
    )
    assert done.stdout.count("wrote 300 pictures") == 1
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.long
def test_ctrl_c_is_one_line_and_another_command_is_refused(models: Path, tmp_path: Path) -> None:
    words = ["generate", models / "plain.safetensors", "--seeds", "0-19999", "--out", tmp_path]
    process = start(*words)
    said = killed_when(process, tmp_path / ".unfinished" / "done", 1, by=signal.SIGINT)
    assert process.returncode == 130
    assert re.fullmatch(r"stylegans: stopped at \d+ of 20000 pictures; the same command continues\n", said)
    other = start(*words, "--truncation", "0.5")
    assert re.match(
        r"stylegans: --out: unfinished work lies there, with --truncation 1.0, now 0.5", other.communicate()[0]
    )
    assert other.returncode == 2


def test_a_disk_that_refuses_is_one_line_and_the_same_command_continues(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", str(models / "small.safetensors"), "--seeds", "0-99", "--out", str(tmp_path / "out")]
    place = Unfinished.place

    def full(work: Unfinished, path: Path, content: bytes) -> None:
        if path.stem == "seed0070":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        place(work, path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Unfinished, "place", full)
        assert main(command) == 1
    refusal = capsys.readouterr().err
    assert refusal.count("\n") == 1
    assert "out cannot be written (No space left on device) at 100 of 100 pictures; the same command" in refusal
    assert main(command) == 0
    assert capsys.readouterr().out.startswith("continuing after 64 of 100 pictures\nwrote 100 pictures")
    assert len(files(tmp_path / "out")) == 100


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--out", "a.zip", "--format", "shards"), "--format: shards goes to a folder"),
        (("--out", "a", "--shard-size", "0"), "--shard-size: 0"),
        (("--out", "a", "--workers", "0"), "--workers: 0"),
        (("--out", "a", "--format", "grid", "--workers", "2"), "--workers: grid is made by one process"),
    ],
)
def test_options_for_very_many_are_refused_in_one_line(
    words: tuple[str, ...],
    complaint: str,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: Callable[..., None],
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(["generate", models / "small.safetensors", "--seeds", "1", *words], complaint)


# --- precision and compilation --------------------------------------------------------------------------------------


def test_pictures_in_bfloat16_are_near_those_in_float32(models: Path, tmp_path: Path) -> None:
    command = ["generate", str(models / "plain.safetensors"), "--seeds", "0-2", "--format", "npz", "--out"]
    assert main([*command, str(tmp_path / "exact")]) == 0
    assert main([*command, str(tmp_path / "reduced"), "--precision", "bfloat16"]) == 0
    exact, reduced = (np.load(tmp_path / name / "images.npz")["images"] for name in ("exact", "reduced"))
    assert 0 < np.linalg.norm(exact - reduced) / np.linalg.norm(exact) < 2e-2


def test_float16_is_refused_on_a_cpu(models: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    words = ["--seeds", "0", "--out", tmp_path / "new", "--precision", "float16", "--device", "cpu"]
    refused(["generate", models / "plain.safetensors", *words], "--precision: float16 needs a GPU with CUDA, not cpu")


def test_without_a_compiler_one_line_says_so_and_the_pictures_are_drawn(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    command = ["generate", str(models / "small.safetensors"), "--seeds", "0", "--out", str(tmp_path), "--compile"]
    assert main(command) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("--compile: there is no C++ compiler (")
    assert said[1].startswith("wrote 1 picture")
    assert len(said) == 2


def test_workers_do_not_compile(models: Path, tmp_path: Path, refused: Callable[..., None]) -> None:
    words = ["--seeds", "0", "--out", tmp_path / "new", "--compile", "--workers", "2"]
    refused(["generate", models / "small.safetensors", *words], "--compile: each of the --workers would compile")
