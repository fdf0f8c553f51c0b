from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch

from stylegans.cli.main import main
from stylegans.config import Mapping, StyleGAN2
from stylegans.files.model_file import write_model
from stylegans.networks.stylegan2 import StyleGAN2Generator


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models: plain, of three classes, of two channels, and without fine layers."""
    folder = tmp_path_factory.mktemp("models")
    for name, c_dim, channels, size in (
        ("plain", 0, 3, 64),
        ("classes", 3, 3, 16),
        ("two-channels", 0, 2, 16),
        ("small", 0, 1, 16),
    ):
        torch.manual_seed(0)
        config = StyleGAN2(
            mapping=Mapping(z_dim=8, w_dim=8, num_layers=2, c_dim=c_dim),
            resolution=(size, size),
            img_channels=channels,
            channel_base=128,
            channel_max=8,
        )
        parts = {"generator_ema": (config, StyleGAN2Generator(config).state_dict())}
        write_model(folder / f"{name}.safetensors", parts, family="stylegan2", data="none")
    return folder


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """``refused(words, complaint)``: that command line ends with 2, its one line on stderr holds the complaint, and the
    test's own folder is as it was before."""

    def check(words: Iterable[object], complaint: str) -> None:
        before = files_below(tmp_path)
        capsys.readouterr()
        line = [str(word) for word in words]
        assert main(line) == 2, line
        said = capsys.readouterr().err
        assert said.count("\n") == 1, said
        assert complaint in said
        assert files_below(tmp_path) == before, line

    return check


def files_below(folder: Path) -> dict[Path, tuple[int, int] | None]:
    """Each file's size and time, and every folder."""
    times = {path: (path.stat(), path.is_dir()) for path in folder.rglob("*")}
    return {path: None if is_dir else (stat.st_size, stat.st_mtime_ns) for path, (stat, is_dir) in times.items()}
