"""What StyleGAN2's paper says against StyleGAN, on two small models: droplets, path lengths, projection.

    python benchmarks/analysis.py [--train {stylegan,stylegan2}] [--kimg 16] [--out runs/analysis]

Trains ``stylegan-f`` (AdaIN, grown from 8²) and ``stylegan2-f`` (demodulation, skips, path length regularisation) on
the embedded people at 32², equally narrow, with the same batch, rates and number of pictures, in one thread, seed 0;
``--train`` trains one of them and ends, so that both can learn side by side. Interrupted, the same command continues.
Then measures both, writes ``results/analysis.json`` and ``analysis-*.png``, and in ``--out`` the ordinary figures.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylegans import load
from stylegans.config import Run
from stylegans.config.adjust import with_batch, with_growth, with_lr, with_size, with_width
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.files.atomic import atomic_file, write_text
from stylegans.files.log import read_log
from stylegans.metrics.features import lpips
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.suite import fd_mobilenet
from stylegans.networks.protocol import Generator
from stylegans.presets import delta, get
from stylegans.runs.folder import RunFolder
from stylegans.runs.machine import tune_allocator
from stylegans.runs.run import run
from stylegans.tools import attribute
from stylegans.tools.feature_maps import feature_maps
from stylegans.tools.figures import feature_statistics, figures, fixed_crop, path_lengths, projections
from stylegans.tools.figures.page import with_caption, write_figure, write_page
from stylegans.tools.figures.pictures import enough, grid_name
from stylegans.tools.figures.sheet import Figure
from stylegans.tools.generate import styles
from stylegans.tools.perceptual import Perceptual

RESULTS = Path(__file__).parent / "results"
DATA, SIZE = "emoji-people", (32, 32)
MODELS = {"stylegan": "stylegan-f", "stylegan2": "stylegan2-f"}
NAMES = {"stylegan": "StyleGAN", "stylegan2": "StyleGAN2"}
PICTURES, STEPS = 16, 200
"""Of each kind, projected in so many steps."""


def configured(preset: str, *, kimg: float) -> Run:
    """The preset at 32², narrow; where it grows, it has grown when three tenths of the pictures are seen."""
    config = with_width(with_size(get(preset), SIZE), channel_base=512, channel_max=128)
    config = delta.mapping(with_lr(with_batch(config, 8), 0.005), z_dim=64, w_dim=64)
    config = delta.training(
        config,
        kimg=kimg,
        r1_gamma=1.0,
        penalty="lazy",
        r1_interval=8,
        ema_kimg=2.5,
        ema_rampup=0.2,
        reuse_fakes=True,
        anneal_from_kimg=kimg * 0.6,
        anneal_to_kimg=kimg,
        precision="float32",
    )
    if config.training.growth is not None:
        config = with_growth(config, kimg * 0.3 / 4)
    outputs = replace(config.outputs, device="cpu", tick_kimg=1, snapshot_kimg=2, checkpoint_kimg=1)
    guard = replace(config.guard, on_collapse="off")
    return replace(config, data=replace(config.data, path=DATA, xflip=True), outputs=outputs, guard=guard)


def train(name: str, out: Path, *, kimg: float) -> None:
    data = open_dataset(DATA, size=SIZE, xflip=True)
    for _ in run(configured(MODELS[name], kimg=kimg), data, out / name):
        pass


def some(data: ImageDataset, count: int) -> Tensor:
    """Real pictures, evenly through the set."""
    numbers = np.linspace(0, len(data) - 1, count + 2)[1:-1].astype(int)
    return attribute.from_uint8(torch.from_numpy(np.stack([data.image(int(number)) for number in numbers])))


def rounded(values: Sequence[float], digits: int = 3) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]


def save(stem: str, figure: Figure) -> None:
    """The figure with its caption, in at most 256 colours."""
    with atomic_file(RESULTS / f"analysis-{stem}.png") as path:
        Image.fromarray(with_caption(figure)).quantize(256).save(path, format="PNG", optimize=True)


def measured(G: Generator, folder: Path, perceptual: Perceptual, data: ImageDataset) -> dict[str, object]:
    """What needs the one model."""
    ticks = read_log(RunFolder(folder).log)
    maps = feature_maps(G, styles(G, (0,)))
    peaks = np.median(feature_statistics.peaks(G), axis=0)
    found = path_lengths.lengths(G, perceptual, enough((0,), path_lengths.SAMPLES))
    return {
        "kimg": ticks[-1]["kimg"],
        "seconds": round(ticks[-1]["seconds"]),
        "fd_mobilenet": round(fd_mobilenet(G, RealFeatures(data), num=1000).values["fd_mobilenet"], 1),
        "layers": [grid_name((x.shape[2], x.shape[3])) for _, x in maps],
        "max |x| / mean |x|, median by layer": rounded(peaks[:, 0]),
        "max norm / mean norm, median by layer": rounded(peaks[:, 1]),
        "path length, median": rounded([float(np.median(found.perceptual))])[0],
        "path length, mean": rounded([float(found.perceptual.mean())])[0],
        "norm of the Jacobian, deviation over mean": rounded([float(found.jacobian.std() / found.jacobian.mean())])[0],
    }


def distances(found: projections.Kinds) -> dict[str, object]:
    """What projection left of own and of real pictures."""
    own, real = found["generated"].distances, found["real"].distances
    return {
        "projected, own": rounded(sorted(own)),
        "projected, real": rounded(sorted(real)),
        "projected, median own, real": rounded([float(np.median(own)), float(np.median(real))]),
        "projected, AUC": round(attribute.auc(own, real), 4),
    }


def analyse(out: Path) -> dict[str, object]:
    """All numbers and figures of the two models."""
    data, perceptual = open_dataset(DATA, size=SIZE), Perceptual(lpips.load())
    models = {name: load(f"{out / name}@newest") for name in MODELS}
    facts = {name: measured(G, out / name, perceptual, data) for name, G in models.items()}
    found = projections.searched(list(models.values()), some(data, PICTURES), perceptual, seed=0, steps=STEPS)
    for name, kinds in zip(models, found, strict=True):
        facts[name] |= distances(kinds)
    save("projections", projections.drawn([NAMES[name] for name in models], found, perceptual, seed=0, steps=STEPS))
    for name, G in models.items():
        ordinary = [each for each in figures(G) if isinstance(each, Figure)]
        for each in ordinary:
            write_figure(out / f"{name}-figures", each)
        write_page(out / f"{name}-figures", ordinary, [], model=NAMES[name])
        save(f"features-{name}", feature_statistics.layer_features(G))
    save("fixed-crop-stylegan", fixed_crop.fixed_crops(models["stylegan"]))
    return {"data": DATA, "steps of projection": STEPS, "distance": perceptual.name, **facts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", choices=MODELS)
    parser.add_argument("--kimg", type=float, default=16.0)
    parser.add_argument("--out", type=Path, default=Path("runs/analysis"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    for name in [options.train] if options.train else MODELS:
        train(name, options.out, kimg=options.kimg)
    if options.train:
        return
    facts = analyse(options.out)
    write_text(RESULTS / "analysis.json", json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
