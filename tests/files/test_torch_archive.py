import argparse
import builtins
import contextlib
import io
import os
import pickle
import struct
import sys
import types
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from stylegans.errors import MissingFile, UserError
from stylegans.files.torch_archive import Inert, named_tensors, read_archive

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool, torch.complex64]  # fmt: skip


def save(path: Path, value: object, *, zipped: bool = True) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


def equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return list(found) == list(expected) and all(
        found[name].dtype == value.dtype and torch.equal(found[name], value) for name, value in expected.items()
    )


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.register_buffer("table", torch.arange(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.first(x)) + torch.full((1,), 0.5)


class Evil:
    """Its pickle asks for ``function(*arguments)``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.request = (function, arguments)

    def __reduce__(self) -> Any:
        return self.request


# --- what comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_state_dict_comes_back_as_torch_load_gives_it(zipped: bool, tmp_path: Path) -> None:
    values = {str(dtype): torch.arange(-3, 3).to(dtype).view(2, 3) for dtype in DTYPES}
    big = torch.randn(6, 5)
    values |= {"scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3), "turned": big.T, "part": big[2:4, ::2]}
    values["channels_last"] = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    path = save(tmp_path / "x.pth", OrderedDict(values), zipped=zipped)
    found = named_tensors(read_archive(path))
    assert equal(found, torch.load(path, weights_only=True))
    assert found["channels_last"].is_contiguous(memory_format=torch.channels_last)
    assert found["part"].untyped_storage().data_ptr() == found["turned"].untyped_storage().data_ptr()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_whole_modules_are_their_state_dicts_without_their_classes(zipped: bool, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Sequential(nn.Linear(3, 2, bias=False)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = save(tmp_path / "x.pt", {"net": net, "epoch": 3}, zipped=zipped)
    tree = read_archive(path)
    assert tree["epoch"] == 3
    assert isinstance(tree["net"], Inert)
    assert tree["net"].kind == "torch.nn.modules.container.Sequential"
    assert equal(named_tensors(tree["net"]), net.state_dict())


def test_arguments_of_a_program_come_back_inert(tmp_path: Path) -> None:
    path = save(tmp_path / "x.pt", {"g": {"w": torch.ones(2)}, "args": argparse.Namespace(size=256)})
    tree = read_archive(path)
    assert tree["args"].kind == "argparse.Namespace"
    assert tree["args"].state == {"size": 256}
    assert list(named_tensors(tree)) == ["g.w"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("traced", [True, False], ids=["trace", "script"])
def test_a_torchscript_archive_is_its_modules_state_dict_then_its_constants(traced: bool, tmp_path: Path) -> None:
    net = Net().eval()
    path = tmp_path / "x.pt"
    script = torch.jit.trace(net, torch.zeros(1, 2, 4, 4)) if traced else torch.jit.script(net)
    script.save(str(path))
    found = named_tensors(read_archive(path))
    own = {name: value for name, value in found.items() if not name.startswith("constants")}
    assert own.keys() == net.state_dict().keys()
    for name, value in net.state_dict().items():
        assert torch.equal(own[name], value)
    assert isinstance(read_archive(path)[""], Inert)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_a_frozen_torchscript_moved_into_its_constants_is_found(tmp_path: Path) -> None:
    net, path = nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU()).eval(), tmp_path / "x.pt"
    torch.jit.freeze(torch.jit.script(net)).save(str(path))
    found = named_tensors(read_archive(path))
    assert list(found) == ["constants.0", "constants.1"]
    assert torch.equal(found["constants.0"], net[0].weight)
    assert torch.equal(found["constants.1"], net[0].bias)


@pytest.fixture
def persistence() -> Iterator[types.ModuleType]:
    """A module by the name that NVIDIA's pickles call for."""
    package, module = types.ModuleType("torch_utils"), types.ModuleType("torch_utils.persistence")

    def _reconstruct_persistent_obj(meta: Any) -> None:
        raise AssertionError("was run")

    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    _reconstruct_persistent_obj.__module__ = module.__name__
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    package.persistence = module  # type: ignore[attr-defined]
    sys.modules |= {"torch_utils": package, "torch_utils.persistence": module}
    yield module
    del sys.modules["torch_utils"], sys.modules["torch_utils.persistence"]


def persistent(module: Any, net: nn.Module, mark: Path) -> Any:
    """The module as NVIDIA's persistent classes are pickled, with source that leaves a mark when it is run."""
    state = dict(net.__dict__) | {
        "_modules": OrderedDict((name, persistent(module, child, mark)) for name, child in net._modules.items()),
        "size": np.float64(1.5),
    }
    source = f"open({str(mark)!r}, 'w')"
    meta = {"type": "class", "version": 6, "module_src": source, "class_name": type(net).__name__, "state": state}
    return Evil(module._reconstruct_persistent_obj, meta)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_persistent_module_is_its_state_dict_and_its_source_is_not_run(
    protocol: int, persistence: types.ModuleType, tmp_path: Path
) -> None:
    net, mark, path = Net(), tmp_path / "run", tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"D": persistent(persistence, net, mark)}, protocol))
    tree = read_archive(path)
    assert tree["D"].kind == "Net"
    assert tree["D"].state["size"] == 1.5
    expected = {name: value.detach() for name, value in net.state_dict().items()}
    found = named_tensors(tree["D"])
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert not mark.exists()


def test_arrays_in_nested_dictionaries_and_lists_are_tensors_by_dotted_names(tmp_path: Path) -> None:
    values = {"a": {"k": np.arange(6.0).reshape(2, 3)}, "b": [np.array([1, 2], ">i2"), "text", 3]}
    path = tmp_path / "x.ckpt"
    path.write_bytes(pickle.dumps(values, 4))
    found = named_tensors(read_archive(path))
    assert equal(found, {"a.k": torch.from_numpy(values["a"]["k"]), "b.0": torch.tensor([1, 2], dtype=torch.int16)})


# --- what does not ----------------------------------------------------------------------------------------------------


def refused(path: Path, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        named_tensors(read_archive(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("function", [os.system, os.mkdir, builtins.eval, builtins.exec, torch.load, torch.jit.load])
def test_nothing_in_a_file_is_run(form: str, function: Any, tmp_path: Path) -> None:
    mark, path = tmp_path / "run", tmp_path / "x.pt"
    request = {os.system: f"mkdir {mark}", os.mkdir: str(mark)}.get(function, f"__import__('os').mkdir({str(mark)!r})")
    evil = {"w": torch.ones(2), "evil": Evil(function, request)}
    if form == "pickle":
        path.write_bytes(pickle.dumps(evil))
    else:
        save(path, evil, zipped=form == "zip")
    refused(path, "asks for .*; nothing was run")
    assert not mark.exists()


def rewritten(path: Path, name: str, content: bytes, *, compression: int = zipfile.ZIP_STORED) -> Path:
    """The archive with another member ``name``."""
    with zipfile.ZipFile(path) as old:
        members = {info.filename: old.read(info) for info in old.infolist()}
    changed = path.with_name("changed.pt")
    with zipfile.ZipFile(changed, "w", compression) as new:
        for member, old_content in members.items():
            new.writestr(member, content if member.partition("/")[2] == name else old_content)
    return changed


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = save(tmp_path / "x.pt", {"w": torch.zeros(10_000_000, dtype=torch.uint8)})
    refused(rewritten(path, "data/0", bytes(10_000_000), compression=zipfile.ZIP_DEFLATED), "compressed")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_storages_larger_than_the_file_are_refused_before_memory_is_taken(zipped: bool, tmp_path: Path) -> None:
    path = save(tmp_path / "x.pt", {"w": torch.zeros(1000)}, zipped=zipped)
    size = b"M" + struct.pack("<H", 1000)  # BININT2, of the storage and of the tensor
    huge = b"\x8a\x06" + (1 << 44).to_bytes(6, "little")  # LONG1
    if zipped:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("x/data.pkl")
        path = rewritten(path, "data.pkl", content.replace(size, huge))
    else:
        path.write_bytes(path.read_bytes().replace(size, huge))
    refused(path, "cut short.*: a storage of 17592186044416 numbers")


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (1 << 40,), (0,)), (0, (5,), (1,)), (1, (4,), (1,)), (0, (2, 2), (1,)), (0, (2,), (-1,)), (-1, (2,), (1,)),
     (0, (2, 2), (2, 3)), (0, (True,), (1,)), (0, (1 << 63,), (1,))],
)  # fmt: skip
def test_a_tensor_must_lie_within_its_storage(offset: int, size: Any, stride: Any, tmp_path: Path) -> None:
    class False_:
        def __reduce__(self) -> Any:
            rebuild = torch._utils._rebuild_tensor_v2
            return rebuild, (torch.zeros(4).storage(), offset, size, stride, False, OrderedDict())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # storages with types are deprecated
        path = save(tmp_path / "x.pt", False_())
    refused(path, "makes a tensor")


def test_a_pickle_cannot_change_the_tensors_and_classes_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    for name in (b"torch\nFloatStorage", b"torch._utils\n_rebuild_tensor_v2", b"dnnlib.util\nEasyDict",
                 b"__torch__.a\nB", b"argparse\nNamespace", b"builtins\nset", b"collections\nOrderedDict"):  # fmt: skip
        for state in (b"}X\x04\x00\x00\x00kindK\x01s", b"N}X\x04\x00\x00\x00kindK\x01s\x86"):  # __dict__, or setattr
            path.write_bytes(b"\x80\x02c" + name + b"\n" + state + b"b.")
            refused(path, "damaged")


def test_neighbours_of_what_is_allowed_are_not(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    for name in ("torch load", "torch._utils _import_dotted_name", "torch.nn Module", "torch.hub load", "dnnlib.util x",
                 "torch_utils.persistence import_hook", "torch.jit._pickle x", "torchnn.modules x"):  # fmt: skip
        path.write_bytes(f"c{name}\n.".replace(" ", "\n").encode())
        refused(path, f"asks for {name.replace(' ', '.')}, which no such file needs")


def test_containers_that_hold_themselves_or_each_other_many_times_are_walked_once(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    loop: list[object] = [np.ones(1)]
    loop.append(loop)
    path.write_bytes(pickle.dumps(loop))
    assert list(named_tensors(read_archive(path))) == ["0"]
    laughs: list[object] = [np.ones(1)]
    for _ in range(200):
        laughs = [laughs, laughs]
    path.write_bytes(pickle.dumps(laughs))
    assert len(named_tensors(read_archive(path))) == 1


def test_an_array_by_many_names_is_one_tensor(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    array = np.arange(3, dtype=">f4")
    path.write_bytes(pickle.dumps({"a": array, "b": {"c": array}, "d": array.copy()}, 4))
    found = named_tensors(read_archive(path))
    assert [value.tolist() for value in found.values()] == [[0, 1, 2]] * 3
    assert found["a"] is found["b.c"]
    assert found["a"].data_ptr() != found["d"].data_ptr()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 0.999), position=st.floats(0, 0.999), value=st.integers(0, 255))
def test_a_file_cut_short_is_one_line_and_a_damaged_one_at_most(
    zipped: bool, kept: float, position: float, value: int, tmp_path: Path
) -> None:
    path = save(tmp_path / "x.pt", {"w": torch.ones(50), "v": torch.ones(3, dtype=torch.uint8)}, zipped=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refused(path, "damaged|cut short")
    damaged = bytearray(content)
    damaged[int(position * len(content))] = value
    path.write_bytes(damaged)
    with contextlib.suppress(UserError):
        named_tensors(read_archive(path))


def test_files_of_other_kinds_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    for content in (b"", b"hello", b"\x89PNG\r\n\x1a\n", bytes(1000)):
        path.write_bytes(content)
        refused(path, "is no pickle, or a damaged one")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/readme.txt", "hello")
    path.write_bytes(buffer.getvalue())
    refused(path, "not PyTorch's")
    with pytest.raises(MissingFile, match="no such file"):
        read_archive(tmp_path / "nothing")
