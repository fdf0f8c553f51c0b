import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from stylegans.errors import MissingFile, UserError
from stylegans.files.tensors import read_header, write_tensors
from stylegans.networks.stylegan2 import StyleGAN2Generator
from stylegans.tools.directions.components import find_pca
from stylegans.tools.directions.files import Direction, check_fits, read_directions, write_directions
from stylegans.tools.latents import fingerprint


def test_directions_come_back_as_they_were_in_their_order(generator: StyleGAN2Generator, tmp_path: Path) -> None:
    found = find_pca(generator, count=12, samples=100, layers=(0, 2))
    write_directions(tmp_path / "pca.safetensors", found)
    again = read_directions(tmp_path / "pca.safetensors")
    assert [each.name for each in again] == [f"pc{i}" for i in range(12)]
    for before, after in zip(found, again, strict=True):
        assert torch.equal(before.vector, after.vector)
        assert (before.unit, before.facts, before.layers) == (after.unit, after.facts, after.layers)
        assert (after.method, after.space, after.family) == ("pca", "w", "stylegan2")
        assert after.model == fingerprint(generator)


def test_a_file_says_what_it_is_and_equal_directions_give_equal_bytes(
    generator: StyleGAN2Generator, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        write_directions(tmp_path / name, find_pca(generator, count=2, samples=100))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    header = read_header(tmp_path / "a")
    assert header.shapes == {"pc0": (16,), "pc1": (16,)}
    assert header.metadata["format"] == "stylegans-direction"
    assert (header.metadata["w_dim"], header.metadata["num_ws"]) == ("16", str(generator.num_ws))


def test_a_vector_for_each_layer_is_kept(tmp_path: Path) -> None:
    write_directions(tmp_path / "a", [Direction("each", torch.ones(8, 16), num_ws=8)])
    assert read_directions(tmp_path / "a")[0].vector.shape == (8, 16)


def test_names_twice_or_with_marks_are_refused(tmp_path: Path) -> None:
    one = Direction("a", torch.ones(4))
    with pytest.raises(UserError, match="two directions are called 'a'"):
        write_directions(tmp_path / "a", [one, one])
    for name in ("a,b", "a:b", "a=1", "a/b", "", "__metadata__"):
        with pytest.raises(UserError, match="is no name for a direction"):
            write_directions(tmp_path / "a", [replace(one, name=name)])
    with pytest.raises(ValueError, match="of one model"):
        write_directions(tmp_path / "a", [one, Direction("b", torch.ones(5))])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": "stylegans-latent"}, "no directions"),
        ({"version": "2"}, "another version"),
        ({"directions": "{"}, "damaged"),
        ({"directions": json.dumps({"b": {}})}, "damaged"),
        ({"directions": "{}"}, "holds no direction"),
        ({"num_ws": "many"}, "damaged"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, change: dict[str, str], complaint: str) -> None:
    write_directions(tmp_path / "a", [Direction("a", torch.ones(4))])
    metadata = read_header(tmp_path / "a").metadata | change
    write_tensors(tmp_path / "a", {"a": torch.ones(4)}, metadata=metadata)
    with pytest.raises(UserError, match=complaint):
        read_directions(tmp_path / "a")


def test_numbers_that_are_not_finite_or_no_file_are_refused(tmp_path: Path) -> None:
    write_directions(tmp_path / "a", [Direction("a", torch.tensor([1.0, torch.nan]))])
    with pytest.raises(UserError, match="a should be finite numbers"):
        read_directions(tmp_path / "a")
    with pytest.raises(MissingFile, match="no such file"):
        read_directions(tmp_path / "b")


def test_a_direction_of_another_model_is_refused(generator: StyleGAN2Generator, one_style: nn.Module) -> None:
    fits = Direction("a", torch.ones(16))
    check_fits(fits, generator, where="a.safetensors")
    for direction, complaint in (
        (Direction("a", torch.ones(17)), "a has 17 numbers, but this model's latents have 16"),
        (Direction("a", torch.ones(9, 16)), "a has a vector for each of 9 layers, but this model has 8"),
        (replace(fits, layers=(7, 8)), "a belongs to layers up to 8, but this model has 8"),
        (replace(fits, space="z"), "a is a direction in z; this model has w"),
    ):
        with pytest.raises(UserError, match=f"a.safetensors: {complaint}"):
            check_fits(direction, generator, where="a.safetensors")
    with pytest.raises(UserError, match="a direction in w; this model has z"):
        check_fits(Direction("a", torch.ones(4)), one_style, where="a")  # type: ignore[arg-type]
