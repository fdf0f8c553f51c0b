"""Files made to harm: none is run, none takes long or much memory, each gets one line.

All of them are opened in one process of their own, under limits on processor time and memory.
"""

import builtins
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylegans.errors import UserError
from stylegans.interop.open import read

P = b"\x80\x02"
OPENER = """
import json, pathlib, re, resource, sys, time
import stylegans.cli.info
import stylegans.interop.open
from stylegans import models
from stylegans.errors import UserError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
mapped = int(re.search(r"VmSize:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (mapped + (3 << 30), -1))  # reserved, which is more than used
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
for path in sys.argv[1:]:
    start = time.process_time()
    try:
        models.load(path)
        said = "LOADED"
    except UserError as error:
        said = str(error)
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps([path, said, time.process_time() - start, used]), flush=True)
"""


class Evil:
    """Its pickle asks for ``function(*arguments)``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.request = (function, arguments)

    def __reduce__(self) -> Any:
        return self.request

    def __call__(self) -> None:
        """So that one may stand for the function of another."""


def text(value: str | bytes) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(value)) + value


def commands(mark: str) -> Iterator[tuple[str, bytes]]:
    """Pickles that would leave ``mark``."""
    shell, code = f"mkdir {mark}", f"__import__('os').mkdir({mark!r})"
    for protocol in (0, 2, 5):
        for function, argument in ((os.system, shell), (builtins.eval, code), (builtins.exec, code), (os.mkdir, mark)):
            yield f"{function.__name__}-{protocol}", pickle.dumps(Evil(function, argument), protocol)
    yield "popen", pickle.dumps(Evil(subprocess.Popen, ["mkdir", mark]))
    yield "getattr", pickle.dumps(Evil(Evil(getattr, Evil(__import__, "os"), "system"), shell))
    yield "nested", pickle.dumps({"G_ema": [Evil(tuple, [Evil(list, [Evil(os.system, shell)])])]})
    yield "apply", pickle.dumps(Evil(map, os.system, [shell]))
    yield "inst", b"(S'" + shell.encode() + b"'\nios\nsystem\n."
    yield "obj", P + b"(cos\nsystem\n" + text(shell) + b"o."
    yield "stack-global", b"\x80\x04" + text("os") + text("system") + b"\x93" + text(shell) + b"\x85R."
    yield "dotted", b"\x80\x04" + text("torch") + text("os.system") + b"\x93" + text(shell) + b"\x85R."
    yield "extension", P + b"\x82\x01" + text(shell) + b"\x85R."
    yield "module", b"c__main__\n__builtins__\n."
    yield "import", P + b"ctorch_utils.persistence\nimport_hook\n" + text(shell) + b"\x85R."
    yield "joblib", b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81."
    meta = {"type": "class", "version": 6, "module_src": code, "class_name": "Generator", "state": {}}
    yield "source", persistent(pickle.dumps(meta, 2))
    meta["state"] = {"_init_kwargs": Evil(os.system, shell)}
    yield "in-a-state", persistent(pickle.dumps(meta, 2))
    yield "build-class", P + b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}" + text("__class__") + b"Nsb."
    yield "network", b"cdnnlib.tflib.network\nNetwork\n)\x81}" + text("build_module_src") + text(code) + b"sb."


def persistent(meta: bytes) -> bytes:
    return P + b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n" + meta[2:-1] + b"\x85R."


def bombs() -> Iterator[tuple[str, bytes]]:
    """Pickles that would take much memory or time."""
    large = b"B" + struct.pack("<I", 1_000_000) + bytes(1_000_000)
    yield "long-text", P + b"\x8d" + struct.pack("<Q", 1 << 40) + b"."
    yield "long-bytes", P + b"\x8e" + struct.pack("<Q", 1 << 62) + b"."
    yield "long-number", P + b"\x8b" + struct.pack("<i", (1 << 31) - 1) + b"."
    yield "long-frame", b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N."
    yield "memo", P + b"Nr" + struct.pack("<I", (1 << 32) - 1) + b"."
    yield "laughs-as-a-key", P + b"})" + b"2\x86" * 60 + b"Ns."
    yield "laughs-in-a-set", b"\x80\x04\x8f()" + b"2\x86" * 60 + b"\x90."
    yield "laughs-by-memo", P + b"})" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(60)) + b"Ns."
    yield "laughs-of-lists", P + b"]" + b"".join(b"q%c](h%ch%ce" % (i, i, i) for i in range(60)) + b"."
    yield "deep-lists", P + b"]" * 100_000 + b"a" * 99_999 + b"."
    yield "deep-tuples", P + b"})" + b"\x85" * 100_000 + b"Ns."
    yield "deep-dictionaries", P + b"}" * 100_000 + text("a") + b"Ns" + b"."
    yield "many-sets", b"\x80\x04" + b"\x8f" * 100_000 + b"."
    yield "many-classes", P + b"".join(b"c__torch__\nc%d\n" % i for i in range(210_000)) + b"."
    copy = b"c_codecs\nencode\nq\x01" + text("a" * 1_000_000) + b"q\x02" + text("latin1") + b"q\x03"
    yield "copied-texts", P + copy + b"h\x01h\x02h\x03\x86R" * 5000 + b"."
    lists = b"ctorch.jit._pickle\nbuild_intlist\nq\x01](" + b"K\x01" * 100_000 + b"eq\x02"
    yield "copied-lists", P + lists + b"h\x01h\x02\x85R" * 5000 + b"."
    yield (
        "copied-sets",
        P + b"cbuiltins\nset\nq\x01](" + b"K\x01" * 100_000 + b"eq\x02" + b"h\x01h\x02\x85R" * 5000 + b".",
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01bq\x09\x87Rq\x01"
    yield (
        "array-promises",
        b"\x80\x03" + array + b"(K\x01J\xff\xff\xff\x7f\x85cnumpy\ndtype\nX\x02\0\0\0f4\x85R\x89C\0tb.",
    )
    buffer = b"\x80\x05cnumpy.core.numeric\n_frombuffer\nq\x01" + large + b"q\x02"
    kind, size = b"cnumpy\ndtype\n" + text("u1") + b"\x85Rq\x03", struct.pack("<i", 1_000_000)
    yield "copied-buffers", buffer + kind + (b"h\x01(h\x02h\x03J" + size + b"\x85" + text("C") + b"tR") * 5000 + b"."
    storage = b"\x80\x03ctorch.storage\n_load_from_bytes\nq\x01" + large + b"q\x02"
    yield "copied-storages", storage + b"h\x01h\x02\x85R" * 5000 + b"."
    meta = {"class_name": "Generator", "state": {"_parameters": {}, "_buffers": {}, "_modules": {}}}
    for name, options in (
        ("layers", {"num_layers": 1 << 40}),
        ("size", {"img_resolution": 1 << 60}),
        ("key", {"z_dim": 10**5000}),
    ):
        state = meta["state"] | {
            "_init_kwargs": {"img_resolution": 32, "img_channels": 3, "z_dim": 1, "w_dim": 1} | options
        }
        yield f"options-{name}", persistent(pickle.dumps(meta | {"state": state}, 2))
    laughs: Any = ()
    for _ in range(14):
        laughs = (laughs, laughs)
    state = meta["state"] | {"_init_kwargs": {"z_dim": laughs}}
    yield "options-laugh", persistent(pickle.dumps(meta | {"state": state}, 2))


def archives(folder: Path, mark: str) -> Iterator[Path]:
    """Zip files and links."""
    torch.save({"g_ema": {"input.input": torch.zeros(100)}}, folder / "sound.pt")
    with zipfile.ZipFile(folder / "sound.pt") as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}

    def packed(name: str, changes: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
        with zipfile.ZipFile(folder / name, "w", compression) as archive:
            for member, content in (members | changes).items():
                archive.writestr(member, content)
        return folder / name

    yield packed("climbing.pt", {"../../../" + mark.strip("/"): b"x", "sound/../../" + Path(mark).name: b"x"})
    yield packed("evil.pt", {"sound/data.pkl": pickle.dumps(Evil(os.system, f"mkdir {mark}"), 2)})
    yield packed("deflated.pt", {"sound/data/0": bytes(300_000_000)}, zipfile.ZIP_DEFLATED)
    yield packed("deflated-pickle.pt", {"sound/data.pkl": P + b"N" * 100_000_000 + b"."}, zipfile.ZIP_DEFLATED)
    content = (folder / "sound.pt").read_bytes()
    (folder / "cut.pt").write_bytes(content[: len(content) // 2])
    yield folder / "cut.pt"
    (folder / "huge.pt").write_bytes(b"PK\x03\x04")
    os.truncate(folder / "huge.pt", 1 << 40)  # sparse: it takes no room
    yield folder / "huge.pt"
    (folder / "huge.pkl").write_bytes(P)
    os.truncate(folder / "huge.pkl", 1 << 40)
    yield folder / "huge.pkl"
    for name, target in (("loop.pkl", "loop.pkl"), ("away.pkl", "nowhere.pkl"), ("zero.pkl", "/dev/zero")):
        (folder / name).symlink_to(target)
        yield folder / name
    os.mkfifo(folder / "pipe.pkl")
    yield folder / "pipe.pkl"
    for name, start in (("picture.pkl", b"\x89PNG\r\n\x1a\n"), ("page.pt", b"<!DOCTYPE html>"), ("empty.pkl", b""),
                        ("text.pt", b"version https://git-lfs.github.com/spec/v1\n")):  # fmt: skip
        (folder / name).write_bytes(start)
        yield folder / name


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Name of the file → (what was said, seconds, MiB), and under 'mark' whether any was run."""
    folder = tmp_path_factory.mktemp("hostile")
    mark = folder / "was-run"
    files = list(archives(folder, str(mark)))
    for name, content in (*commands(str(mark)), *bombs()):
        files.append(folder / f"{name}.pkl")
        files[-1].write_bytes(content)
    command = [sys.executable, "-c", OPENER, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = {
        Path(path).name: (said, spent, used) for path, said, spent, used in map(json.loads, done.stdout.splitlines())
    }
    assert len(found) == len(files)
    return found | {"mark": mark.exists()}


def files_in(answers: dict[str, Any]) -> dict[str, Any]:
    return {name: answer for name, answer in answers.items() if name != "mark"}


def test_nothing_is_run(answers: dict[str, Any]) -> None:
    assert not answers["mark"]


def test_each_gets_one_line_that_names_it(answers: dict[str, Any]) -> None:
    for name, (said, _, _) in files_in(answers).items():
        assert name in said, (name, said)
        assert "\n" not in said
        assert len(said) < 700, (name, said)


def test_what_was_asked_for_is_named(answers: dict[str, Any]) -> None:
    for name in ("eval-0", "eval-2", "eval-5", "nested", "inst", "obj", "stack-global", "in-a-state"):
        assert "asks for " in answers[f"{name}.pkl"][0], answers[f"{name}.pkl"]
        assert "nothing was run" in answers[f"{name}.pkl"][0]


def test_none_takes_a_gibibyte(answers: dict[str, Any]) -> None:
    assert max(used for _, _, used in files_in(answers).values()) < 1024


def test_none_takes_long(answers: dict[str, Any]) -> None:
    slow = {name: spent for name, (_, spent, _) in files_in(answers).items() if spent > 15}
    assert not slow


def fuzz(content: bytes, tmp_path: Path) -> Callable[[list[tuple[float, int]], float], None]:
    def check(changes: list[tuple[float, int]], kept: float) -> None:
        damaged = bytearray(content)
        for position, value in changes:
            damaged[int(position * len(content))] = value
        path = tmp_path / "x.pkl"
        path.write_bytes(damaged[: int(kept * len(content))])
        said = ""
        try:
            read(path)
        except UserError as error:
            said = str(error)
        assert said == "" or said.startswith(f"{path}: ")
        assert "\n" not in said

    return check


places = st.floats(0, 1, exclude_max=True)
CHANGES = {"changes": st.lists(st.tuples(places, st.integers(0, 255)), max_size=6), "kept": st.just(1.0) | places}
ANY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def small(nvidia: Callable[..., Any], write_nvidia: Callable[..., Path]) -> bytes:
    return write_nvidia({"G_ema": nvidia("ada_G_orig_c0"), "training_set_kwargs": {"path": "x"}}).read_bytes()


@settings(max_examples=15, suppress_health_check=ANY)
@given(**CHANGES)
def test_damaged_bytes_are_one_line_at_most(small: bytes, tmp_path: Path, changes: Any, kept: float) -> None:
    fuzz(small, tmp_path)(changes, kept)


@pytest.mark.long
@settings(max_examples=300, suppress_health_check=ANY)
@given(**CHANGES)
def test_many_more_damaged_bytes_are_one_line_at_most(small: bytes, tmp_path: Path, changes: Any, kept: float) -> None:
    fuzz(small, tmp_path)(changes, kept)
