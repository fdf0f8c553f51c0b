import pytest
import torch
import torch.nn.functional as F

from stylegans.errors import UserError
from stylegans.interop import tensorflow_layout as layout


def test_a_kernel_keeps_its_place_and_its_channels():
    t = torch.randn(2, 3, 4, 5)  # kh, kw, in, out
    assert layout.conv(t)[4, 3, 1, 2] == t[1, 2, 3, 4]
    assert torch.equal(layout.to_torch(t), layout.conv(t))


def test_a_matrix_is_transposed_and_a_vector_is_not():
    t = torch.randn(4, 5)
    assert torch.equal(layout.to_torch(t), t.t())
    assert torch.equal(layout.to_torch(t[0]), t[0])


def test_a_flipped_kernel_convolves_where_it_correlated():
    x, w = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)
    convolved = F.conv_transpose2d(x, w.transpose(0, 1), padding=1)
    torch.testing.assert_close(F.conv2d(x, layout.flipped(w), padding=1), convolved)


def test_levels_are_counted_from_the_base_grid():
    assert [layout.level_of(f"{r}x{r}") for r in (4, 8, 1024)] == [0, 1, 8]
    assert [layout.level_of(scope) for scope in ("8x16", "12x12", "2x2", "0x0", "Conv0")] == [None] * 5


def test_the_coarsest_level_is_the_one_halved_most_often():
    names = [f"G_synthesis/ToRGB_lod{lod}/weight" for lod in (0, 3, 1)]
    assert layout.coarsest_lod([*names, "lod", "G_synthesis/4x4/Const/const"]) == 3
    assert layout.coarsest_lod(["FromRGB_lod2/bias", "4x4/Dense0/weight"]) == 2
    assert layout.coarsest_lod([]) == 0


def test_pictures_are_counted_from_the_full_size():
    assert [layout.lod_of(scope) for scope in ("ToRGB_lod0", "FromRGB_lod12")] == [0, 12]
    assert [layout.lod_of(scope) for scope in ("ToRGB", "lod1", "8x8")] == [None] * 3


def test_options_that_are_left_or_differ_are_named():
    options = {"fmap_base": 64, "resolution": 16, "colour": 1}
    assert layout.pyramid_options(options)["channel_base"] == 128  # theirs counts from half the resolution
    with pytest.raises(UserError, match="colour"):
        layout.nothing_left(options)
    with pytest.raises(UserError, match="colour"):
        layout.only(options, "colour", 2)
