import math

import torch

from stylegans.losses import path_length


def test_an_orthogonal_map_has_the_length_of_the_random_picture():
    q = torch.linalg.qr(torch.randn(48, 48, dtype=torch.float64)).Q
    ws = torch.randn(5, 1, 48, dtype=torch.float64, requires_grad=True)
    images = (ws[:, 0] @ q).reshape(5, 3, 4, 4)
    y = torch.randn(5, 3, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(path_length.path_lengths(images, ws, y), y.flatten(1).norm(dim=1))


def test_lengths_do_not_depend_on_the_resolution():
    for side in (8, 64):
        y = path_length.random_picture(torch.zeros(4, 3, side, side), generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(y.flatten(1).norm(dim=1).mean(), torch.tensor(math.sqrt(3.0)), rtol=0.1, atol=0)


def test_the_average_moves_by_its_decay_and_equal_lengths_cost_nothing():
    average = path_length.update_average(torch.tensor(0.0), torch.full([4], 10.0), decay=0.01)
    torch.testing.assert_close(average, torch.tensor(0.1))
    assert path_length.penalty(torch.full([4], 2.0), torch.tensor(2.0)).sum() == 0
