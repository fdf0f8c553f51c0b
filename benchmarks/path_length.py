"""Is the path through W shorter than that through Z on Fashion-MNIST, and how far can styles be mixed?

    stylegans data build FASHION_MNIST fashion-32.zip --size 32 --labels none
    python benchmarks/path_length.py fashion-32.zip [--kimg 30] [--num 2000] [--out runs/path-length]

Trains ``small-32`` with the paper's eight mapping layers and 90 % style mixing, and measures StyleGAN's table 4 (path
lengths in both spaces, full and at the ends, with AlexNet-LPIPS) and table 2 (one to four latents mixed), with the
distance and the precision of the same model beside them. One thread, seed 0. Interrupted, the same command continues
the training.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from short_training import RESULTS, report, trained

from stylegans.config import Optimizer, Run
from stylegans.config.adjust import with_channels
from stylegans.data.images import open_dataset
from stylegans.files import pictures
from stylegans.metrics.measurement import Measurement
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.recipes import recipes_of
from stylegans.metrics.suite import Suite
from stylegans.networks.protocol import Generator
from stylegans.presets import delta, get
from stylegans.runs.machine import tune_allocator

METRICS = (
    *("ppl_alex_zfull", "ppl_alex_wfull", "ppl_alex_zend", "ppl_alex_wend", "ppl2_alex_wend"),
    *("mix_mobilenet", "fd_mobilenet", "kd_mobilenet", "pr_mobilenet", "dc_mobilenet"),
)


def configured(data: Path, *, kimg: float) -> Run:
    """small-32 in grey with the paper's depth of mapping, and the rates of a short training."""
    config = delta.mapping(with_channels(get("small-32"), 1), num_layers=8)
    config = delta.training(
        config,
        kimg=kimg,
        g_optimizer=Optimizer(lr=0.008),
        d_optimizer=Optimizer(lr=0.008),
        style_mixing=0.9,
        anneal_from_kimg=kimg * 0.5,
        anneal_to_kimg=kimg,
        precision="float32",
    )
    outputs = replace(config.outputs, device="cpu", snapshot_kimg=5, checkpoint_kimg=5)
    return replace(config, data=replace(config.data, path=str(data)), outputs=outputs)


def measured(G: Generator, data: Path, *, num: int) -> dict[str, float]:
    """Every number by its name, and what real pictures get."""
    wanted = [one.with_num(num) for one in recipes_of(METRICS)]
    steps = Suite(RealFeatures(open_dataset(data))).measure(G, wanted)
    found = [step for step in steps if isinstance(step, Measurement)]
    numbers = {name: value for one in found for name, value in one.values.items()}
    real = {f"{name}, real": value for one in found for name, value in one.real.items()}
    return {name: float(f"{value:.4g}") for name, value in (numbers | real).items()}


@torch.no_grad()
def show(G: Generator) -> None:
    """Four rows of sixteen pictures."""
    z = torch.from_numpy(np.random.RandomState(0).randn(64, G.z_dim).astype(np.float32))
    sheet = pictures.tile(pictures.to_uint8(G(z)), columns=16, gap=1)
    pictures.save_png(RESULTS / "path-length-samples.png", pictures.enlarge(sheet, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--kimg", type=float, default=30.0)
    parser.add_argument("--num", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("runs/path-length"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    G, seconds = trained(configured(options.data, kimg=options.kimg), options.out)
    show(G)
    facts = {"kimg": options.kimg, "seconds": round(seconds), "generated": options.num}
    facts |= measured(G, options.data, num=options.num)
    report("path-length", facts)


if __name__ == "__main__":
    main()
