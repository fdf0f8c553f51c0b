import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegans.config import Mapping, StyleGAN2
from stylegans.errors import RunFailed
from stylegans.files.model_file import write_model
from stylegans.models import load
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools import workers
from stylegans.tools.bulk import Request, catalogue_of, jobs, work_folder
from stylegans.tools.layouts import DatasetZip
from stylegans.tools.unfinished import unfinished
from stylegans.tools.workers import Order, by_one, by_workers


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, StyleGAN2Generator]:
    torch.manual_seed(0)
    config = StyleGAN2(
        mapping=Mapping(z_dim=8, w_dim=8, num_layers=2), resolution=(16, 16), channel_base=64, channel_max=8
    )
    network = StyleGAN2Generator(config).eval().requires_grad_(False)
    path = tmp_path_factory.mktemp("workers") / "model.safetensors"
    write_model(path, {"generator_ema": (config, network.state_dict())}, family="stylegan2")
    return str(path), load(path)


def order_in(folder: Path, network: Any, count: int) -> tuple[Any, Any]:
    request = Request(tuple(range(count)), batch=16)
    layout = DatasetZip(folder / "out.zip", catalogue_of(network, request))
    folder.mkdir()
    work = unfinished(work_folder(layout), request.as_options())
    return work, lambda opened: Order(request, layout, opened, jobs(count, batch=16))


def test_one_process_counts_every_picture_also_those_that_were_there(model: Any, tmp_path: Path) -> None:
    begin, order = order_in(tmp_path / "a", model[1], 70)
    with begin as work:
        steps = by_one(model[1], order(work))
        assert [next(steps) for _ in range(66)] == list(range(1, 67))
        del steps
    begin, order = order_in(tmp_path / "b", model[1], 70)
    (tmp_path / "b").rmdir()
    (tmp_path / "a").rename(tmp_path / "b")
    with begin as work:
        assert list(by_one(model[1], order(work))) == [65, 66, 67, 68, 69, 70]


@pytest.mark.long
def test_two_workers_make_what_one_process_makes(model: Any, tmp_path: Path) -> None:
    path, network = model
    for name in ("one", "two"):
        begin, order = order_in(tmp_path / name, network, 150)
        with begin as work:
            ordered = order(work)
            steps = by_one(network, ordered)
            if name == "two":
                steps = by_workers(ordered, model=path, device="cpu", precision="float32", workers=2)
            assert list(steps)[-1] == 150
            ordered.layout.finish(work, ordered.todo, json.dumps({}))
            work.finish()
    assert (tmp_path / "one" / "out.zip").read_bytes() == (tmp_path / "two" / "out.zip").read_bytes()


@pytest.mark.long
def test_a_worker_that_is_killed_ends_the_others_and_says_so(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_work", _killed)
    begin, order = order_in(tmp_path / "out", model[1], 10)
    with begin as work, pytest.raises(RunFailed, match="--workers: a worker was killed"):
        list(by_workers(order(work), model=model[0], device="cpu", precision="float32", workers=2))


@pytest.mark.long
def test_what_a_worker_meets_is_raised_here(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, order = order_in(tmp_path / "out", model[1], 10)
    with begin as work, pytest.raises(FileNotFoundError, match="nowhere"):
        list(by_workers(order(work), model="nowhere.safetensors", device="cpu", precision="float32", workers=2))


def _killed(*words: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
