from dataclasses import replace

import pytest

from stylegans.config.codec import from_json
from stylegans.config.run import Run
from stylegans.errors import UserError
from stylegans.files.log import read_log
from stylegans.runs.folder import MAY_CHANGE, RunFolder


def test_a_new_directory_gets_the_complete_config(small_run, tmp_path):
    folder = RunFolder(tmp_path / "a" / "b")
    config = folder.claim(small_run())
    assert from_json(Run, folder.config.read_text()) == config == small_run()


def test_what_may_change_may_change_and_is_kept(small_run, tmp_path):
    folder, run = RunFolder(tmp_path / "run"), small_run()
    folder.claim(run)
    longer = replace(run, training=replace(run.training, kimg=99), outputs=replace(run.outputs, tick_kimg=7, workers=3))
    assert folder.claim(longer) == longer
    assert folder.read_config() == longer


def test_every_other_change_is_refused_with_old_and_new(small_run, tmp_path):
    folder, run = RunFolder(tmp_path / "run"), small_run()
    folder.claim(run)
    changed = replace(
        run,
        training=replace(run.training, batch=run.training.batch * 2),
        generator=replace(run.generator, channel_max=5),
    )
    with pytest.raises(UserError, match=r"generator.channel_max was 8, is 5; --batch was 4, is 8") as caught:
        folder.claim(changed)
    assert "--out" in str(caught.value)
    assert folder.read_config() == run


def test_fields_that_may_change_exist(small_run):
    from stylegans.config.codec import flatten

    assert set(MAY_CHANGE) <= set(flatten(small_run()))


def test_somebody_elses_folder_is_left_alone(small_run, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UserError, match="--out"):
        RunFolder(tmp_path).claim(small_run())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_directory(small_run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out"), RunFolder(tmp_path / "file").lock():
        pass


def test_two_trainings_cannot_share_a_directory(tmp_path):
    with RunFolder(tmp_path).lock(), pytest.raises(UserError, match="another process"), RunFolder(tmp_path).lock():
        pass


def test_the_log_is_cut_back_to_the_checkpoint(tmp_path):
    folder = RunFolder(tmp_path)
    folder.log.write_text('{"images": 4}\n{"images": 8}\n{"images": 12}\n{"imag')
    assert folder.cut_log(images=8) == [{"images": 4}, {"images": 8}]
    assert read_log(folder.log) == [{"images": 4}, {"images": 8}]
