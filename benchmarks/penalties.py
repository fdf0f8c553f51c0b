"""R1 (and R2) exact, lazy or approximate: what a penalty costs and what it does, on equal pictures.

    python benchmarks/penalties.py [NAME ...] [--kimg 10] [--results benchmarks/results/penalties.json]

StyleGAN2 at 32² on the embedded people, narrow, in one thread, seed 0: non-saturating with R1, and R3GAN's relativistic
pairing with R1 and R2. Measured at the end: the processor time of a thousand pictures, ``fd_mobilenet`` of 1,000
pictures, and the discriminator's squared gradient on real pictures, which the penalty is there to hold down.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch

from stylegans.config import Loss, Optimizer, Penalty, Run
from stylegans.config.adjust import with_gamma, with_loss
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.data.pipeline import batches, to_float
from stylegans.files.atomic import write_text
from stylegans.losses.gradient_penalty import r1
from stylegans.metrics.reals import RealFeatures
from stylegans.metrics.suite import fd_mobilenet
from stylegans.networks.base import DiscriminatorNetwork
from stylegans.presets import delta, get
from stylegans.runs.machine import tune_allocator
from stylegans.training.loop import train
from stylegans.training.setup import start

DATA, SIZE, GAMMA = "emoji-people", (32, 32), 1.0


def with_penalty(penalty: Penalty, *, loss: Loss = "non-saturating") -> Run:
    """The preset small-32, whose penalty is lazy on every 8th batch, with another penalty or game."""
    adam = Optimizer(lr=0.0025)
    run = delta.training(get("small-32"), precision="float32", g_optimizer=adam, d_optimizer=adam, penalty=penalty)
    return with_gamma(with_loss(run, loss), GAMMA)


ARMS: dict[str, Callable[[], Run]] = {
    "R1 exact": lambda: with_penalty("exact"),
    "R1 lazy": lambda: with_penalty("lazy"),
    "R1 approx": lambda: with_penalty("approx"),
    "R3GAN exact": lambda: with_penalty("exact", loss="relativistic"),
    "R3GAN lazy": lambda: with_penalty("lazy", loss="relativistic"),
    "R3GAN approx": lambda: with_penalty("approx", loss="relativistic"),
    "R1 none": lambda: delta.training(with_penalty("lazy"), r1_gamma=0.0),
}


def squared_gradient(discriminator: DiscriminatorNetwork, data: ImageDataset) -> float:
    """The mean of ‖∇ₓD(x)‖² over 256 real pictures, in batches of 8 as in training."""
    values = []
    for batch in itertools.islice(batches(data, batch=8, seed=1, position=0), 32):
        images = to_float(batch.images).requires_grad_()
        values.append(r1(discriminator(images), images).detach())
    return torch.cat(values).mean().item()


def measure(run: Run, data: ImageDataset, *, kimg: float, reals: RealFeatures) -> dict[str, float]:
    state, phases = start(run, device=torch.device("cpu"))
    stream = batches(data, batch=run.training.batch, seed=0, position=0)
    began = time.process_time()
    for _ in train(state, stream, phases):
        if state.kimg >= kimg:
            break
    seconds = time.process_time() - began
    losses = state.averages.means()
    return {
        "seconds_per_kimg": round(seconds / state.kimg, 2),
        "fd_mobilenet": round(fd_mobilenet(state.generator_ema, reals, num=1000).value, 1),
        "squared_gradient": round(squared_gradient(state.discriminator, data), 4),
        "loss_D": round(losses["loss_D"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ARMS)}; none: all")
    parser.add_argument("--kimg", type=float, default=10.0)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results/penalties.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    data = open_dataset(DATA, size=SIZE, xflip=True)
    reals = RealFeatures(data)
    found = json.loads(options.results.read_text())["arms"] if options.results.exists() else {}
    for name in options.names or ARMS:
        found[name] = measure(ARMS[name](), data, kimg=options.kimg, reals=reals)
        print(name, found[name], flush=True)
        facts = {"data": DATA, "resolution": SIZE, "kimg": options.kimg, "gamma": GAMMA, "arms": found}
        write_text(options.results, json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
