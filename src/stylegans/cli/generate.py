"""``stylegans generate MODEL``: pictures from seeds."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    Batches = Iterable[tuple[tuple[int, ...], Tensor]]


@dataclass(frozen=True)
class Generate:
    """Pictures from seeds."""

    model: tyro.conf.Positional[str]
    """a .safetensors model or a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot)"""
    seeds: str
    """which pictures: numbers and ranges, like 0-15,20,3"""
    out: Path
    """the folder to write to"""
    truncation: float = 1.0
    """how far from the average: below 1 likelier pictures, more alike; 1 changes nothing"""
    truncation_layers: int | None = None
    """truncate only the first so many layers"""
    noise: Literal["const", "random", "none"] = "const"
    """the noise inputs: the stored maps, drawn by seed, or none"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class to draw, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its own
    class"""
    format: Literal["png", "grid", "npz"] = "png"
    """a file per picture (.npy where a PNG cannot hold the channels), all in grid.png, or images.npz with the numbers
    before rounding, to be rounded to 16 bits for one"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""
    batch: int = 8
    """pictures at a time"""


def main(argv: list[str]) -> int:
    """``stylegans generate``."""
    options = parse(Generate, argv, prog="stylegans generate")
    if options.out.exists() and not options.out.is_dir():
        raise UserError(f"--out: {options.out} is a file; name a folder")

    from stylegans import models
    from stylegans.runs import machine
    from stylegans.tools.generate import class_report, generate, parse_seeds

    seeds = tuple(dict.fromkeys(parse_seeds(options.seeds)))
    machine.tune_allocator()
    G = models.load(options.model, device=machine.choose_device(options.device))
    label = label_of(G, options.model, options.label)
    report = class_report(G, seeds, label)
    batches = generate(
        G,
        seeds,
        truncation=options.truncation,
        truncation_layers=options.truncation_layers,
        noise=options.noise,
        label=label,
        batch=options.batch,
    )
    if report:
        print(report)
    print(WRITERS[options.format](options.out, batches))
    return 0


def write_pictures(out: Path, batches: "Batches") -> str:
    """A file per picture, as soon as it is drawn: ``seed0000.png``, or ``.npy`` for what a PNG cannot hold."""
    from stylegans.files.pictures import save_picture, to_uint8

    paths = [
        save_picture(out / f"seed{seed:04d}", picture)
        for seeds, images in batches
        for seed, picture in zip(seeds, to_uint8(images), strict=True)
    ]
    names = paths[0].name if len(paths) == 1 else f"{paths[0].name} to {paths[-1].name}"
    return f"wrote {len(paths)} picture{'s' * (len(paths) > 1)} to {out}: {names}"


def write_grid(out: Path, batches: "Batches") -> str:
    """All pictures in ``grid.png``, in the squarest grid; of other channels than a PNG holds, what can be shown."""
    import numpy as np

    from stylegans.files.pictures import save_png, tile, to_uint8, visible

    pictures = np.concatenate([to_uint8(images) for _, images in batches])
    shown = visible(pictures)
    save_png(out / "grid.png", tile(shown))
    part = f", of {pictures.shape[-1]} channels the first {shown.shape[-1]}" * (shown.shape != pictures.shape)
    return f"wrote {out / 'grid.png'}: {len(pictures)} pictures{part}"


def write_npz(out: Path, batches: "Batches") -> str:
    """``images.npz``: images float32 [N, C, H, W] before rounding, seeds int64 [N]."""
    import numpy as np

    from stylegans.files.atomic import atomic_file

    drawn = list(batches)
    images = np.concatenate([images.cpu().numpy() for _, images in drawn])
    seeds = np.array([seed for some, _ in drawn for seed in some], dtype=np.int64)
    with atomic_file(out / "images.npz") as temporary:
        np.savez(temporary, images=images, seeds=seeds)
    return f"wrote {out / 'images.npz'}: images float32 {list(images.shape)}, seeds"


WRITERS = {"png": write_pictures, "grid": write_grid, "npz": write_npz}
