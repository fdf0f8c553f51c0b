from typing import Any

import numpy as np
import pytest
import torch

from stylegans.errors import UserError
from stylegans.files.pictures import to_uint8
from stylegans.tools.generate import generate, render, styles
from stylegans.tools.mix import mix_grid, mix_layers


def picture(G: Any, seed: int, **options: Any) -> np.ndarray:
    ((_, images),) = generate(G, (seed,), **options)
    return to_uint8(images)[0]


def cell(grid: np.ndarray, G: Any, row: int, column: int) -> np.ndarray:
    height, width = G.img_resolution
    return grid[row * height : (row + 1) * height, column * width : (column + 1) * width]


def close(a: np.ndarray, b: np.ndarray) -> bool:
    return int(np.abs(a.astype(int) - b.astype(int)).max()) <= 1


def test_chosen_layers_come_from_the_source_and_the_rest_stay() -> None:
    ws, source = torch.zeros(2, 5, 3), torch.ones(2, 5, 3)
    assert mix_layers(ws, source, (1, 4))[0, :, 0].tolist() == [0, 1, 0, 0, 1]
    assert not ws.any()


def test_sources_stand_in_the_first_row_and_column_and_the_corner_is_white(make: Any) -> None:
    G = make(resolution=(24, 40))
    grid = mix_grid(G, (1, 2), (3, 4, 5), layers=(0, 1, 2, 3), truncation=0.8)
    assert grid.shape == (3 * 24, 4 * 40, 3)
    assert (cell(grid, G, 0, 0) == 255).all()
    for i, seed in enumerate((1, 2), start=1):
        assert close(cell(grid, G, i, 0), picture(G, seed, truncation=0.8))
    for j, seed in enumerate((3, 4, 5), start=1):
        assert close(cell(grid, G, 0, j), picture(G, seed, truncation=0.8))


def test_a_cell_is_the_rows_picture_with_the_columns_layers(generator: Any) -> None:
    grid = mix_grid(generator, (1,), (2, 3), layers=(4, 5))
    row, column = styles(generator, (1,)), styles(generator, (3,))
    mixed = torch.cat([row[:, :4], column[:, 4:6], row[:, 6:]], dim=1)
    assert close(cell(grid, generator, 1, 2), to_uint8(render(generator, mixed, (1,)))[0])


def test_no_layers_leave_the_row_and_all_layers_give_the_column(generator: Any) -> None:
    nothing = mix_grid(generator, (1, 2), (3,), layers=())
    everything = mix_grid(generator, (1, 2), (3,), layers=range(generator.num_ws))
    for i in (1, 2):
        assert close(cell(nothing, generator, i, 1), cell(nothing, generator, i, 0))
        assert close(cell(everything, generator, i, 1), cell(everything, generator, 0, 1))


def test_random_noise_is_that_of_the_row(generator: Any) -> None:
    grid = mix_grid(generator, (1,), (2,), layers=(), noise="random")
    assert close(cell(grid, generator, 1, 1), picture(generator, 1, noise="random"))


def test_a_conditional_model_mixes_within_a_class(conditional: Any) -> None:
    grid = mix_grid(conditional, (1,), (2,), layers=(0,), label=4)
    assert close(cell(grid, conditional, 1, 0), picture(conditional, 1, label=4))


def test_a_model_with_one_style_for_all_layers_is_refused(one_style: Any) -> None:
    with pytest.raises(UserError, match="one style for all its layers"):
        mix_grid(one_style, (1,), (2,), layers=(0,))
