from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.errors import MissingFile, UserError
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.directions.labels import class_scores, picture_scores, read_scores, sides
from stylegans.tools.generate import classes, generate


@given(scores=st.lists(st.integers(-50, 50), min_size=6, max_size=60), keep=st.integers(1, 40))
def test_the_sides_are_the_surest_and_have_nothing_in_common(scores: list[int], keep: int) -> None:
    if len(set(scores)) < 3:
        return
    found = sides(scores, keep=keep)
    assert len(found.positive) == len(found.negative) == min(keep, len(scores) // 2)
    assert not set(found.positive) & set(found.negative)
    assert (
        sorted((scores[i] for i in found.positive), reverse=True) == sorted(scores, reverse=True)[: len(found.positive)]
    )
    assert [scores[i] for i in found.negative] == sorted(scores)[: len(found.negative)]


def test_of_labels_all_count_and_of_scores_a_fifth() -> None:
    assert sides([0, 1, 0, 0, 1]).positive == (1, 4)
    assert set(sides([0, 1, 0, 0, 1]).negative) == {0, 2, 3}
    assert len(sides([0, 1, 0, 0, 1], keep=1).negative) == 1
    assert sides(np.linspace(0, 1, 20)).positive == (19, 18, 17, 16)


def test_pictures_all_alike_or_none_kept_are_refused() -> None:
    with pytest.raises(UserError, match="--labels: all pictures are alike"):
        sides([2, 2, 2])
    with pytest.raises(UserError, match="--keep: 0 on each side"):
        sides([1, 2, 3], keep=0)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "seed,smile\n3,1\n7,0\n", {3: 1, 7: 0}),
        ("a.csv", "3,0.25\n\n7,-1e3\n", {3: 0.25, 7: -1000}),
        ("a.csv", "\ufeff3,yes\n7,No\n", {3: 1, 7: 0}),
        ("a.json", '{"3": true, "7": 0.5}', {3: 1, 7: 0.5}),
    ],
)
def test_scores_are_read_from_csv_and_json(tmp_path: Path, name: str, text: str, expected: dict[int, float]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_scores(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.csv", "1,0\n2,x\n", "line 2: '2,x' is not a seed and a number"),
        ("a.csv", "1,0\n-2,1\n", "line 2: '-2,1'"),
        ("a.csv", "1,0\n4294967296,1\n", "line 2"),
        ("a.csv", "1,0\n2,1,1\n", "line 2: '2,1,1'"),
        ("a.csv", "1,0\n2,nan\n", "line 2"),
        ("a.csv", "seed,label\n", "holds no seeds"),
        ("a.json", "{", "not JSON"),
        ("a.json", "[1]", "should be an object"),
    ],
)
def test_what_is_no_score_is_named_with_its_line(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=complaint):
        read_scores(tmp_path / name)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        read_scores(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="not text"):
        read_scores(tmp_path / "a.csv")


def test_a_class_is_who_draws_it(conditional: StyleGAN2Generator) -> None:
    assert class_scores(conditional, range(20), 3) == [float(each == 3) for each in classes(conditional, range(20))]


def test_a_class_the_model_lacks_is_refused(conditional: StyleGAN2Generator, generator: StyleGAN2Generator) -> None:
    with pytest.raises(UserError, match="class 5 is none of this model's; its classes are 0 to 4"):
        class_scores(conditional, [1], 5)
    with pytest.raises(UserError, match="class 0 is none of this model's; it has none"):
        class_scores(generator, [1], 0)


def test_any_function_of_pictures_is_a_classifier(generator: StyleGAN2Generator) -> None:
    found = list(picture_scores(generator, range(5), lambda images: images[:, 0].float().mean(dim=(1, 2)), batch=2))
    whole = torch.cat([images for _, images in generate(generator, range(5))])
    brightness = (whole * 127.5 + 128).clamp(0, 255).byte()[:, 0].float().mean(dim=(1, 2))
    np.testing.assert_allclose(found, brightness, atol=0.1)


def test_a_score_that_is_not_finite_is_refused(generator: StyleGAN2Generator) -> None:
    with pytest.raises(UserError, match="--classifier: it gave a score that is not finite"):
        list(picture_scores(generator, [1], lambda images: torch.full([len(images)], torch.nan)))
