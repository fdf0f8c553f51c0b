"""Frames to a video file that loops: GIF and WebP by Pillow, MP4 by PyAV from the ``video`` extra."""

import importlib.util
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from stylegans.errors import UserError
from stylegans.files.atomic import atomic_file
from stylegans.files.pictures import as_image, on_white

GIF_MOST_FPS = 50
"""A GIF counts in hundredths of a second, and players take less than two for a mistake."""

WEBP_QUALITY = 90
H264_CRF = "16"
"""Constant quality of H.264: 18 is hard to tell from the original in films; flat generated pictures ask for more."""

PALETTE_FRAMES = 16
"""A GIF's palette is chosen from about so many frames."""


def check_video(path: str | Path, *, fps: int) -> None:
    """Refuse before the work what ``write_video`` would refuse after it.

    Raises:
        UserError: the ending is unknown, ``fps`` is out of range, or an MP4 is asked for without PyAV.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise UserError(f"--out: {Path(path).name}: a video's name ends in {', '.join(_WRITERS)}")
    most = GIF_MOST_FPS if suffix == ".gif" else 1000
    if not 1 <= fps <= most:
        raise UserError(f"--fps: {fps} is not between 1 and {most}, what {suffix} can play")
    if suffix == ".mp4" and importlib.util.find_spec("av") is None:
        raise UserError("--out: .mp4 needs PyAV: pip install 'stylegans[video]', or name a .gif or .webp")


def write_video(path: str | Path, frames: Iterable[np.ndarray], *, fps: int) -> None:
    """Write ``frames``, uint8 [H, W, C] of one size, to a .gif, .webp or .mp4 that loops, whole or not at all.

    GIF: one palette for all frames, error diffusion. MP4: H.264, yuv420p, an odd side padded by its last pixel.
    RGBA is laid on white, but for WebP, which keeps it.

    Args:
        frames: at least one.

    Raises:
        UserError: as ``check_video``; or the frames have a number of channels that no video holds.
    """
    check_video(path, fps=fps)
    with atomic_file(path) as temporary:
        _WRITERS[Path(path).suffix.lower()](temporary, frames, fps)


def durations(count: int, *, fps: int, unit: int) -> list[int]:
    """Milliseconds that each of ``count`` frames is shown, in multiples of ``unit``: right in the sum."""
    ends = [round(Fraction(1000 * i, fps * unit)) * unit for i in range(count + 1)]
    return [end - start for start, end in pairwise(ends)]


def _write_gif(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    images = [as_image(on_white(frame)) for frame in frames]
    if images[0].mode == "RGB":
        shared = _shared_palette(images)
        images = [image.quantize(palette=shared, dither=Image.Dither.FLOYDSTEINBERG) for image in images]
        palette = bytes(shared.getpalette() or [])
    else:
        palette = bytes(level for grey in range(256) for level in (grey, grey, grey))
    # a palette given by name is written once, not with each frame
    _save_animation(path, images, "GIF", times=durations(len(images), fps=fps, unit=10), palette=palette)


def _shared_palette(images: list[Image.Image]) -> Image.Image:
    some = images[:: max(1, len(images) // PALETTE_FRAMES)]
    return Image.fromarray(np.concatenate([np.asarray(image) for image in some])).quantize(256)


def _write_webp(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    images = [as_image(frame) for frame in frames]
    _save_animation(path, images, "WEBP", times=durations(len(images), fps=fps, unit=1), quality=WEBP_QUALITY)


def _save_animation(
    path: Path, images: list[Image.Image], kind: str, *, times: list[int], **settings: int | bytes
) -> None:
    images[0].save(path, format=kind, save_all=True, append_images=images[1:], duration=times, loop=0, **settings)


def _write_mp4(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    first, rest = _first_and_rest(frames)
    height, width = first.shape[:2]
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as file:
        stream = file.add_stream("libx264", rate=fps, options={"crf": H264_CRF})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # without these marks a player guesses the colours by the picture's size
        stream.colorspace, stream.color_range = Colorspace.ITU709, ColorRange.MPEG
        for picture in chain([first], rest):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def _first_and_rest(frames: Iterable[np.ndarray]) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    pictures = (_even(np.asarray(as_image(on_white(frame)).convert("RGB"))) for frame in frames)
    return next(pictures), pictures


def _even(picture: np.ndarray) -> np.ndarray:
    """yuv420p halves the colour's resolution, so both sides must be even."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


_WRITERS = {".gif": _write_gif, ".webp": _write_webp, ".mp4": _write_mp4}
