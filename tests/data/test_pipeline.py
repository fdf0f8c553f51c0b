import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.data import decoded, pipeline
from stylegans.data.images import open_dataset
from stylegans.data.pipeline import Batch, batches, indices, to_float
from stylegans.errors import UserError

COUNTS = st.integers(1, 50)
SEEDS = st.integers(0, 2**40)


def stream(path: Path, count: int, **options: Any) -> list[Batch]:
    defaults = {"batch": 3, "seed": 1, "position": 0}
    return list(itertools.islice(batches(open_dataset(path, xflip=True), **{**defaults, **options}), count))


def same(one: list[Batch], other: list[Batch]) -> bool:
    return all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in zip(one, other, strict=True)
    )


@given(COUNTS, SEEDS, st.integers(0, 5))
def test_every_epoch_is_a_permutation(n: int, seed: int, epoch: int) -> None:
    assert sorted(indices(epoch * n, n, n=n, seed=seed)) == list(range(n))


@given(COUNTS, SEEDS, st.integers(0, 200), st.integers(0, 200))
def test_the_stream_from_k_is_the_rest_of_the_stream_from_0(n: int, seed: int, position: int, count: int) -> None:
    whole = indices(0, position + count, n=n, seed=seed)
    np.testing.assert_array_equal(indices(position, count, n=n, seed=seed), whole[position:])
    assert whole.dtype == np.int64


def test_epochs_and_seeds_differ() -> None:
    orders = {
        tuple(indices(epoch * 20, 20, n=20, seed=seed)) for epoch in range(3) for seed in (0, 1, 2**32, 2**32 + 1)
    }
    assert len(orders) == 12


def test_the_order_never_changes() -> None:
    assert indices(0, 12, n=8, seed=0).tolist() == [7, 2, 4, 0, 5, 3, 1, 6, 3, 4, 2, 1]


def test_batches_are_bytes_and_floats(uniform: Path) -> None:
    (batch,) = stream(uniform, 1)
    assert (batch.images.shape, batch.images.dtype) == ((3, 3, 16, 24), torch.uint8)
    assert (batch.labels.shape, batch.labels.dtype) == ((3, 0), torch.float32)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays_pass_with_their_type_and_channels(tmp_path: Path, dtype: type, workers: int) -> None:
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (4, 5, 6, 8)).astype(dtype)
    for number, array in enumerate(values):
        np.save(tmp_path / f"{number}.npy", array)
    (batch,) = stream(tmp_path, 1, batch=4, workers=workers)
    assert batch.images.dtype == torch.from_numpy(values).dtype
    chosen = [index % 4 for index in indices(0, 4, n=8, seed=1)]
    mirrored = [index >= 4 for index in indices(0, 4, n=8, seed=1)]
    expected = [values[i][..., ::-1] if flip else values[i] for i, flip in zip(chosen, mirrored, strict=True)]
    np.testing.assert_array_equal(batch.images.numpy(), np.stack(expected))


def test_floats_go_from_minus_one_to_one_whatever_the_bits() -> None:
    for dtype, half in ((torch.uint8, 127.5), (torch.uint16, 32767.5)):
        values = torch.tensor([0, 1, 100, 2 * half], dtype=torch.float64)
        found = to_float(values.to(dtype))
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), values / half - 1, rtol=0, atol=1e-7)
        assert found[[0, -1]].tolist() == [-1, 1]
    with pytest.raises(ValueError, match=r"uint8 or uint16, not torch\.int32"):
        to_float(torch.zeros(1, dtype=torch.int32))


@given(st.integers(0, 255))
def test_a_byte_means_the_same_in_16_bits(byte: int) -> None:
    deep = to_float(torch.tensor([byte * 257]).to(torch.uint16))
    torch.testing.assert_close(deep, to_float(torch.tensor([byte], dtype=torch.uint8)), rtol=0, atol=2e-7)


@pytest.mark.parametrize("position", [1, 3, 16, 100])
def test_batches_from_k_are_the_tail_of_those_from_0(uniform: Path, position: int) -> None:
    whole = torch.cat([batch.images for batch in stream(uniform, 40)])
    (batch,) = stream(uniform, 1, position=position)
    assert torch.equal(batch.images, whole[position : position + 3])


def test_a_batch_may_depend_on_where_it_begins(uniform: Path) -> None:
    def size(position: int) -> int:
        return 4 if position < 8 else 2

    parts = stream(uniform, 4, batch=size)
    assert [len(batch.images) for batch in parts] == [4, 4, 2, 2]
    whole = torch.cat([batch.images for batch in stream(uniform, 4)])
    assert torch.equal(torch.cat([batch.images for batch in parts]), whole)
    assert same(stream(uniform, 2, batch=size, position=8), parts[2:])


@pytest.mark.parametrize("workers", [1, 2])
def test_the_stream_is_the_same_for_any_number_of_workers(uniform: Path, workers: int) -> None:
    assert same(stream(uniform, 9, workers=workers, position=5), stream(uniform, 9, position=5))


def same_kept_or_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    kept = stream(path, 9, workers=2)
    monkeypatch.setattr(decoded, "LARGEST_SHARE", 1 << 60)  # no room
    return same(stream(path, 9, workers=2), kept)


def test_the_stream_is_the_same_without_room_for_decoded_pictures(
    uniform: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert same_kept_or_not(uniform, monkeypatch)


def test_two_workers_decode_each_picture_once(uniform: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = uniform.with_name("gone")
    shutil.copytree(uniform, gone)
    running = batches(open_dataset(gone), batch=4, seed=1, position=0, workers=2)
    first = [next(running) for _ in range(2)]  # a pass, of which every worker has decoded half
    shutil.rmtree(gone)
    found = first + [next(running) for _ in range(20)]
    running.close()
    here = batches(open_dataset(uniform), batch=4, seed=1, position=0)
    assert same(found, list(itertools.islice(here, 22)))
    monkeypatch.setattr(decoded, "LARGEST_SHARE", 1 << 60)
    shutil.copytree(uniform, gone)
    running = batches(open_dataset(gone), batch=4, seed=1, position=0, workers=2)
    next(running)
    shutil.rmtree(gone)
    with pytest.raises(UserError, match="cannot be decoded"):
        list(itertools.islice(running, 20))


def test_nothing_is_left_when_a_stream_is_closed(
    uniform: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = set(open_files())
    running = batches(open_dataset(uniform), batch=4, seed=1, position=0, workers=1)
    next(running)
    assert list(temporary.rglob("*.png")) == []
    running.close()
    assert list(temporary.iterdir()) == []
    assert not [path for path in set(open_files()) - before if path.startswith(str(temporary))]


def open_files() -> list[str]:
    """What this process has open or mapped, where Linux tells."""
    if not Path("/proc/self/maps").exists():
        return []
    mapped = [line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    return mapped + [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]


def test_nothing_and_no_one_is_left_when_a_training_is_killed(uniform: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from stylegans.data.images import open_dataset\n"
        "from stylegans.data.pipeline import batches\n"
        "import multiprocessing\n"
        "run = batches(open_dataset(sys.argv[1], size=(512, 768)), batch=8, seed=1, position=0, workers=2)\n"
        "next(run)\n"
        "print(*[child.pid for child in multiprocessing.active_children()], flush=True)\n"
        "sys.stdin.read()\n"
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(uniform)],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None
        workers = list(map(int, program.stdout.readline().split()))
        assert len(workers) == 2
        program.kill()
    deadline = time.monotonic() + 60
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, workers))
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_batch_is_pinned_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[torch.Tensor] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self) or self)
    arrays = pipeline._Arrays(np.ones((2, 3, 4, 4), np.uint8), np.zeros((2, 0), np.float32))
    batch: Any = torch.utils.data._utils.pin_memory.pin_memory(arrays)
    assert isinstance(batch, Batch)
    assert [tensor is own for tensor, own in zip(pinned, (batch.images, batch.labels), strict=True)] == [True, True]


def test_the_stream_leaves_the_trainings_random_numbers_alone(uniform: Path) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    stream(uniform, 2, workers=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_worker_ignores_ctrl_c_and_termination_and_ends_with_the_stream(uniform: Path) -> None:
    def children() -> set[int]:
        return set(map(int, Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()))

    if not Path("/proc").exists():
        return
    before = children()
    running = batches(open_dataset(uniform), batch=2, seed=0, position=0, workers=1)
    next(running)
    (worker,) = children() - before
    os.kill(worker, signal.SIGINT)
    os.kill(worker, signal.SIGTERM)
    for _ in range(20):
        next(running)
    assert worker in children()
    running.close()
    deadline = time.monotonic() + 10
    while worker in children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert worker not in children()


def test_workers_may_be_spawned_and_a_program_may_end_with_its_stream_open(uniform: Path) -> None:
    code = (
        "import sys, itertools, multiprocessing\n"
        "from stylegans.data.images import open_dataset\n"
        "from stylegans.data.pipeline import batches\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method('spawn')\n"
        "    run = batches(open_dataset(sys.argv[1]), batch=3, seed=1, position=0, workers=1)\n"
        "    print([int(batch.images.sum()) for batch in itertools.islice(run, 3)])\n"
    )
    program = uniform.parent / "program.py"
    program.write_text(code)
    done = subprocess.run([sys.executable, str(program), str(uniform)], capture_output=True, text=True, timeout=60)
    here = itertools.islice(batches(open_dataset(uniform), batch=3, seed=1, position=0), 3)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([int(batch.images.sum()) for batch in here])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_picture_is_one_line_from_workers_too(uniform: Path, workers: int) -> None:
    path = uniform / "0" / "0.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"^0/0\.png: cannot be decoded [^\n]*$"):
        stream(uniform, 10, workers=workers)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"batch": 17}, "^--batch: a batch of 17 is more than the 16 pictures of 'uniform'"),
        ({"batch": 0}, "^--batch: 0"),
        ({"workers": -1}, "^--workers: -1"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(uniform: Path, options: dict[str, int], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        batches(open_dataset(uniform, xflip=True), **{"batch": 3, "seed": 0, "position": 0, **options})
