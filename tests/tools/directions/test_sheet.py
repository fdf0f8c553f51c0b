import numpy as np
import pytest

from stylegans.tools.directions.sheet import caption, captioned


@pytest.mark.parametrize(("strength", "expected"), [(0.0, "0"), (1.5, "+1.5"), (-3.0, "−3"), (-0.25, "−0.25")])
def test_a_caption_has_its_sign(strength: float, expected: str) -> None:
    assert caption(strength) == expected


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_picture_is_there_enlarged_in_its_row_and_column(channels: int) -> None:
    pictures = np.zeros((2, 3, 20, 30, channels), dtype=np.uint8)
    pictures[..., -1] = 255 if channels == 4 else 0
    levels = 10 + 30 * np.arange(6, dtype=np.uint8).reshape(2, 3)
    pictures[..., : min(channels, 3)] = levels[:, :, None, None, None]
    sheet = captioned(pictures, rows=["seed 1", "seed 2"], columns=["−3", "0", "+3"], title="pc0", scale=2)
    assert sheet.shape[2] == 3
    places = []
    for level in levels.flatten():
        there = (sheet == level).all(axis=2)
        block = np.lib.stride_tricks.sliding_window_view(there, (40, 60)).all(axis=(2, 3))
        assert block.sum() == 1  # 40 × 60 pixels of it, in one place
        places.append(np.argwhere(block)[0])
    tops, lefts = np.array(places).reshape(2, 3, 2).transpose(2, 0, 1)
    assert (np.diff(lefts, axis=1) == 62).all()
    assert (np.diff(tops, axis=0) == 42).all()


def test_captions_wider_than_their_pictures_do_not_overlap() -> None:
    pictures = np.zeros((1, 4, 8, 8, 1), dtype=np.uint8)
    narrow = captioned(pictures, rows=["a"], columns=["0"] * 4)
    wide = captioned(pictures, rows=["a"], columns=["+0.125"] * 4)
    assert wide.shape[1] > narrow.shape[1] + 4 * 20


def test_every_letter_of_a_caption_can_be_drawn() -> None:
    def ink(text: str) -> np.ndarray:
        return captioned(np.full((1, 1, 40, 40, 1), 255, dtype=np.uint8), rows=[""], columns=[text])

    assert (ink("−3") != ink("\U0010fffd3")).any()  # a sign that no font has is drawn as a box
