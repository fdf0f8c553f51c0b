import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.metrics.processes import Processes
from stylegans.tools.bulk import (
    PIECE,
    Request,
    batches_of,
    catalogue_of,
    check,
    draw,
    is_complete,
    jobs,
    progress,
    work_folder,
)
from stylegans.tools.generate import classes, generate
from stylegans.tools.layouts import DatasetFolder, DatasetZip, Layout, Loose, Shards
from stylegans.tools.unfinished import unfinished

SEEDS = tuple(range(70, 150))


def run(G: Any, layout: Layout, request: Request, *, stop_after: int | None = None, ranks: tuple[Any, ...] = ()) -> int:
    """The work of ``generate``; how many pictures this call drew."""
    todo = jobs(len(request.seeds), batch=request.batch, job_size=layout.job_size)
    layout.target.parent.mkdir(parents=True, exist_ok=True)
    drawn = 0
    with unfinished(work_folder(layout), request.as_options()) as work:
        for processes in ranks or (Processes(),):
            for _ in draw(G, request, layout, work, todo=todo, processes=processes):
                drawn += 1
                if drawn == stop_after:
                    return drawn
        layout.finish(work, todo, json.dumps(request.as_options()))
        work.finish()
    return drawn


def content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


LAYOUTS = {
    "out": Loose,
    "set": DatasetFolder,
    "out.zip": DatasetZip,
    "shards": lambda target, catalogue: Shards(target, catalogue, 40),
}


@given(
    count=st.integers(0, 400),
    batch=st.integers(1, 150),
    job_size=st.none() | st.integers(1, 300),
)
def test_every_picture_is_in_one_piece_of_whole_batches(count: int, batch: int, job_size: int | None) -> None:
    todo = jobs(count, batch=batch, job_size=job_size)
    pieces = [piece for job in todo for piece in job.pieces]
    assert [i for piece in pieces for i in range(piece.start, piece.stop)] == list(range(count))
    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    for job in todo:
        assert all(piece.count % batch == 0 for piece in job.pieces[:-1])
        assert all(0 < piece.count <= max(PIECE, batch) for piece in job.pieces)
        if job_size is not None and job is not todo[-1]:
            assert sum(piece.count for piece in job.pieces) == job_size


@pytest.mark.parametrize("name", LAYOUTS)
def test_stopped_anywhere_and_continued_the_files_are_an_undisturbed_runs(
    generator: Any, tmp_path: Path, name: str
) -> None:
    request = Request(SEEDS, batch=8, noise="random")
    whole, broken = (LAYOUTS[name](tmp_path / folder / name, catalogue_of(generator, request)) for folder in "ab")
    assert run(generator, whole, request) == len(SEEDS)
    drawn = [run(generator, broken, request, stop_after=stop) for stop in (66, 7, 1)]
    drawn.append(run(generator, broken, request))
    assert content(broken.target) == content(whole.target)
    assert sum(drawn) - len(SEEDS) <= 3 * PIECE
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == [name]


@pytest.mark.parametrize("name", LAYOUTS)
def test_processes_that_share_the_work_make_the_same_files(generator: Any, tmp_path: Path, name: str) -> None:
    request = Request(SEEDS, batch=8)
    alone, shared = (LAYOUTS[name](tmp_path / folder / name, catalogue_of(generator, request)) for folder in "ab")
    run(generator, alone, request)
    assert run(generator, shared, request, ranks=(Processes(2, 3), Processes(0, 3), Processes(1, 3))) == len(SEEDS)
    assert content(shared.target) == content(alone.target)


def test_what_was_not_written_does_not_count(generator: Any, tmp_path: Path) -> None:
    request = Request(SEEDS, batch=8)
    layout = Loose(tmp_path / "out", catalogue_of(generator, request))
    run(generator, layout, request, stop_after=63)
    with unfinished(work_folder(layout), request.as_options()) as work:
        assert progress(work, jobs(len(SEEDS), batch=8)) == 0
    assert not list(layout.target.glob("*.png"))


def test_a_shard_that_was_not_sealed_is_sealed_when_the_work_is_continued(generator: Any, tmp_path: Path) -> None:
    request = Request(SEEDS[:40], batch=8)
    layout = Shards(tmp_path / "out", catalogue_of(generator, request), 40)
    (job,) = todo = jobs(40, batch=8, job_size=40)
    whole = Shards(tmp_path / "whole", layout.catalogue, 40)
    run(generator, whole, request)
    with unfinished(work_folder(layout), request.as_options()) as work:
        for _ in draw(generator, request, layout, work, todo=todo):
            pass
        (layout.target / "shard-000000.tar").unlink()
        (work.folder / "done" / job.name).unlink()
        (work.folder / "piece-0000000.tar").write_bytes(b"")
        assert list(draw(generator, request, layout, work, todo=todo)) == []
        assert (layout.target / "shard-000000.tar").stat().st_size == 10240


def test_the_files_hold_what_generate_draws(conditional: Any, tmp_path: Path) -> None:
    request = Request((5, 3), batch=1, truncation=0.5, truncation_layers=2)
    run(conditional, Loose(tmp_path, catalogue_of(conditional, request)), request)
    for seeds, images in generate(conditional, (5, 3), truncation=0.5, truncation_layers=2, batch=1):
        with Image.open(tmp_path / f"seed{seeds[0]:04d}.png") as picture:
            assert np.array_equal(np.asarray(picture), to_uint8(images)[0])
    assert [seeds for seeds, _ in batches_of(conditional, request, (1, 2))] == [(1,), (2,)]


def test_a_catalogue_holds_the_labels_that_are_drawn(conditional: Any, generator: Any, make: Any) -> None:
    assert catalogue_of(generator, Request((1,), batch=1)).labels is None
    assert catalogue_of(conditional, Request((1, 2), batch=1)).labels == classes(conditional, (1, 2))
    assert catalogue_of(conditional, Request((1, 2), batch=1, label=4)).labels == [4, 4]
    vector = (0.0, 0.5, 0.0, 0.0, 1.0)
    assert catalogue_of(conditional, Request((1, 2), batch=1, label=vector)).labels == [vector, vector]
    assert catalogue_of(make(channels=2), Request((1,), batch=1)).suffix == ".npy"


def test_what_makes_no_sense_is_refused_beforehand(generator: Any, one_style: Any) -> None:
    for G, request, complaint in (
        (generator, Request((1,), batch=0), "--batch: 0"),
        (generator, Request((1,), batch=1, label=0), "--class: this model has no classes"),
        (generator, Request((1,), batch=1, truncation_layers=99), "--truncation-layers: 99"),
        (one_style, Request((1,), batch=1, noise="random"), "--noise: this model has no noise inputs"),
    ):
        with pytest.raises(UserError, match=complaint):
            check(G, request)


@pytest.mark.parametrize("name", ["set", "out.zip", "shards"])
def test_what_is_complete_is_known_and_anything_else_there_is_refused(
    generator: Any, tmp_path: Path, name: str
) -> None:
    request = Request(SEEDS[:3], batch=2)
    options, layout = request.as_options(), LAYOUTS[name](tmp_path / name, catalogue_of(generator, request))
    todo = jobs(3, batch=2, job_size=layout.job_size)
    assert not is_complete(layout, options, todo)
    run(generator, layout, request)
    assert is_complete(layout, options, todo)
    with pytest.raises(UserError, match=f"{name} holds pictures made with --seeds 70-72, now 70-71; choose another"):
        is_complete(layout, options | {"--seeds": "70-71"}, todo)
    layout.files(todo)[-1].unlink()
    assert not is_complete(layout, options, todo)


@pytest.mark.parametrize("name", ["set", "out.zip", "shards"])
def test_strange_files_are_not_joined_or_replaced(generator: Any, tmp_path: Path, name: str) -> None:
    request = Request((1,), batch=1)
    layout = LAYOUTS[name](tmp_path / name, catalogue_of(generator, request))
    strange = layout.target if name == "out.zip" else layout.target / "strange.txt"
    strange.parent.mkdir(exist_ok=True)
    strange.touch()
    with pytest.raises(UserError, match="exists; choose another name or remove it"):
        is_complete(layout, {}, [])


def test_loose_files_may_stand_among_others(generator: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    assert not is_complete(Loose(tmp_path, catalogue_of(generator, Request((1,), batch=1))), {}, [])


def test_unfinished_work_is_continued_by_its_own_options_only(generator: Any, tmp_path: Path) -> None:
    request = Request(SEEDS, batch=8)
    layout = DatasetFolder(tmp_path / "set", catalogue_of(generator, request))
    run(generator, layout, request, stop_after=65)
    todo = jobs(len(SEEDS), batch=8)
    assert not is_complete(layout, request.as_options(), todo)
    with pytest.raises(UserError, match=r"unfinished work lies there, with --noise const, now none"):
        is_complete(layout, Request(SEEDS, batch=8, noise="none").as_options(), todo)
