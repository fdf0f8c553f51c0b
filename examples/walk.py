"""A looping walk through the latent space, as a strip of pictures and, if asked for, a video.

    python examples/walk.py MODEL --seeds 1,5,9 --out walk.png --video walk.mp4

The walk goes on a smooth closed curve through the seeds' places in W, at constant perceptual speed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import stylegans
from stylegans.files.pictures import save_png, tile, visible
from stylegans.tools.generate import parse_seeds
from stylegans.tools.video import write_video
from stylegans.tools.walk import Course, even, pictures


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .safetensors model or a run directory")
    parser.add_argument("--seeds", default="1,5,9", help="where the walk leads")
    parser.add_argument("--frames", type=int, default=12, help="from one seed to the next")
    parser.add_argument("--out", type=Path, default=Path("walk.png"), help="the PNG to write: a row for each seed")
    parser.add_argument("--video", type=Path, help="a .mp4, .webp or .gif to write, too")
    options = parser.parse_args(arguments)
    try:
        G = stylegans.load(options.model)
        course = Course(parse_seeds(options.seeds), curve="smooth", truncation=0.7)
        frames = visible(np.stack(list(pictures(G, course, even(G, course, options.frames)))))
        save_png(options.out, tile(frames, columns=options.frames, gap=1))
        if options.video is not None:
            write_video(options.video, frames, fps=30)
    except stylegans.UserError as error:
        parser.error(str(error))
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
