import pytest
import torch

from stylegans.augment.transformation import on_chosen, rows


def double(some, index):
    return some * 2 + index.to(some).view(-1, 1, 1, 1)


@pytest.mark.parametrize("chosen", [[0, 0, 0], [1, 0, 1], [1, 1, 1]])
def test_only_the_chosen_pictures_change_and_in_their_places(chosen):
    images, mask = torch.randn(3, 2, 4, 4), torch.tensor(chosen, dtype=torch.bool)
    found = on_chosen(images, mask, double)
    expected = torch.where(mask.view(-1, 1, 1, 1), double(images, torch.arange(3)), images)
    assert torch.equal(found, expected)


def test_a_batch_without_a_chosen_picture_is_handed_through():
    images = torch.randn(2, 1, 4, 4)
    assert on_chosen(images, torch.zeros(2, dtype=torch.bool), double) is images


def test_gradients_reach_chosen_and_other_pictures():
    images = torch.randn(3, 1, 2, 2, requires_grad=True)
    on_chosen(images, torch.tensor([False, True, False]), double).sum().backward()
    assert images.grad[:, 0, 0, 0].tolist() == [1, 2, 1]


def test_rows_of_nothing_is_nothing():
    assert rows(None, torch.tensor([0])) is None
    assert rows(torch.arange(4), torch.tensor([3, 1])).tolist() == [3, 1]
