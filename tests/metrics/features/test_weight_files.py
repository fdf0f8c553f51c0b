import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stylegans.errors import MissingFile, UserError
from stylegans.metrics.features.weight_files import read_state


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.request = (function, arguments)

    def __reduce__(self) -> Any:
        return self.request


@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)).eval()


@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy", "module", "torchscript", "arrays"])
def test_every_form_of_file_gives_the_same_names_and_numbers(form: str, network: nn.Module, tmp_path: Path) -> None:
    state, path = network.state_dict(), tmp_path / "weights"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if form == "safetensors":
            save_file(state, path)
        elif form in ("zip", "legacy"):
            torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
        elif form == "module":
            path.write_bytes(pickle.dumps(network))
        elif form == "torchscript":
            torch.jit.script(network).save(str(path))
        else:
            nested: dict[str, dict[str, np.ndarray]] = {}
            for name, value in state.items():
                nested.setdefault(name.partition(".")[0], {})[name.partition(".")[2]] = value.numpy()
            path.write_bytes(pickle.dumps(nested))
    found = read_state(path)
    assert found.keys() == state.keys()
    assert list(found) == list(state) or form == "safetensors"  # which sorts them by itself
    assert all(torch.equal(found[name], value) for name, value in state.items())


def bomb(path: Path) -> None:
    torch.save({"w": torch.zeros(1_000_000)}, path.with_suffix(".plain"))
    with zipfile.ZipFile(path.with_suffix(".plain")) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))


def cut(path: Path) -> None:
    torch.save({"w": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-700])


HOSTILE = {
    "a reducer that calls the system": lambda path: path.write_bytes(pickle.dumps(Evil(os.system, "false"))),
    "a reducer that evaluates": lambda path: path.write_bytes(pickle.dumps(Evil(eval, "1 / 0"))),
    "the same in a checkpoint": lambda path: torch.save({"w": Evil(eval, "1 / 0")}, path),
    "a zip bomb": bomb,
    "a zip cut short": cut,
    "text": lambda path: path.write_text("weights"),
    "nothing": lambda path: path.write_bytes(b""),
    "no weights": lambda path: path.write_bytes(pickle.dumps({"epoch": 3})),
    "half a safetensors header": lambda path: path.write_bytes((9).to_bytes(8, "little") + b'{"a":{"b'),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_or_damaged_file_is_one_line_that_names_it(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    HOSTILE[kind](path)
    with pytest.raises(UserError) as caught:
        read_state(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        read_state(tmp_path / "nothing")
