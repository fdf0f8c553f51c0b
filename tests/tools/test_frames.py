from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from stylegans.tools.frames import draw_missing, kept, read
from stylegans.tools.unfinished import unfinished


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_frames_are_drawn_once_and_read_back_as_they_are_shown(tmp_path: Path, channels: int) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 6, 8, channels), dtype=np.uint8)
    drawn: list[int] = []

    def draw(numbers: Sequence[int]) -> Iterator[np.ndarray]:
        for number in numbers:
            drawn.append(number)
            yield pictures[number]

    with unfinished(tmp_path / "work", {}) as work:
        steps = draw_missing(work, 5, draw)
        assert (next(steps), next(steps)) == (1, 2)
        assert kept(work, 5) == 2
        assert list(draw_missing(work, 5, draw)) == [3, 4, 5]
        shown = list(read(work, 5))
    assert drawn == [0, 1, 2, 3, 4]
    seen = {2: 1, 5: 3}.get(channels, channels)
    assert np.array_equal(np.stack(shown), pictures[..., :seen])
