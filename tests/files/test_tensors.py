import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stylegans.errors import MissingFile, UserError
from stylegans.files.tensors import read_header, read_tensors, write_tensors

METADATA = {name: name * 3 for name in ("format", "family", "parts", "data", "licence", "ünï")}


def write(path):
    write_tensors(path, {"a.x": torch.arange(6).reshape(2, 3), "b.y": torch.ones(2)}, metadata=METADATA)


def test_tensors_come_back(tmp_path):
    write(tmp_path / "f.safetensors")
    assert torch.equal(read_tensors(tmp_path / "f.safetensors", prefix="a.")["x"], torch.arange(6).reshape(2, 3))
    header = read_header(tmp_path / "f.safetensors")
    assert header.metadata == METADATA
    assert header.shapes == {"a.x": (2, 3), "b.y": (2,)}


def test_equal_contents_give_equal_bytes_in_any_process(tmp_path):
    code = "import sys; sys.path.append(sys.argv[1]); from test_tensors import write; write(sys.argv[2])"
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path / name)], check=True)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        b"not a safetensors file at all",
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 4) + b"[1]!",
        struct.pack("<Q", 2) + b"{}" + b"more than promised",
        struct.pack("<Q", 9) + b'{"a": 12}',
    ],
)
def test_what_is_none_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    for read in (read_header, read_tensors):
        with pytest.raises(UserError, match=r"bad\.safetensors") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "f.safetensors"
    write(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="cut short"):
        read_tensors(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFile, match=r"gone\.safetensors"):
        read_header(tmp_path / "gone.safetensors")
