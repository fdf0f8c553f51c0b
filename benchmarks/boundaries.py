"""Do pictures become those of a class along its boundary's normal, by the margin's hardness? (InterFaceGAN, section 3.)

    stylegans data build FASHION_MNIST fashion-16.zip --size 16
    python benchmarks/boundaries.py fashion-16.zip [--kimg 40] [--samples 10000] [--num 500] [--out runs/boundaries]

Trains a narrow conditional ``tiny`` at 16² on Fashion-MNIST, and a classifier on the real pictures. Of each of the ten
classes the boundary is found twice: as the package does, with the softest margin that parts those held out, and with
the hardest alone, scikit-learn's default. Pictures of all other classes are pushed along the normals by 1, 2 and 3
standard deviations of the latents along each, and the classifier says how many have become the class. Since the latents
vary less along the hard normals, these are also followed in steps as long as those of the package's. One thread,
seed 0. The numbers go to ``benchmarks/results/boundaries.json``, pictures beside them. Interrupted, the same command
continues the training.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from short_training import RESULTS, report, trained
from torch import Tensor, nn

from stylegans.config import Run
from stylegans.config.adjust import with_channels, with_labels, with_size
from stylegans.data.images import ImageDataset, open_dataset
from stylegans.files import pictures
from stylegans.networks.protocol import Generator
from stylegans.presets import delta, get
from stylegans.runs.machine import tune_allocator
from stylegans.tools.directions import Direction, Move, apply_direction, boundary, find_boundary, strip
from stylegans.tools.directions.apply import caption
from stylegans.tools.directions.labels import class_scores
from stylegans.tools.figures.sheet import Group, layout
from stylegans.tools.generate import classes, render, styles

STRENGTHS = (0.0, 1.0, 2.0, 3.0)
SHOWN, SCALE = 3, 2
"""Latents whose pictures are shown for each class, and how many times as large."""
HELD_OUT, EPOCHS, BATCH = 10000, 4, 100
"""Real pictures that the classifier is tried on; passes over the others; pictures at a time."""


def configured(data: Path, *, kimg: float) -> Run:
    """tiny, narrower, in grey and at 16², for ten classes."""
    config = with_labels(with_channels(with_size(get("tiny"), (16, 16)), 1), 10)
    config = delta.generator(config, channel_base=512, channel_max=32)
    config = delta.discriminator(config, channel_base=512, channel_max=32)
    config = delta.training(config, kimg=kimg, batch=16)
    outputs = replace(config.outputs, device="cpu")
    return replace(config, data=replace(config.data, path=str(data), labels=True), outputs=outputs)


# --- the judge ------------------------------------------------------------------------------------------------------


def learnt(data: ImageDataset) -> tuple[nn.Module, float]:
    """A classifier of pictures in [0, 255], and the share of real ones held out of which it is right."""
    images = torch.from_numpy(np.stack([data.image(i) for i in range(len(data))]))
    truth = torch.from_numpy(np.stack([data.label(i) for i in range(len(data))])).argmax(dim=1)
    torch.manual_seed(0)
    judge = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(128 * 16, 10),
    )
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for some in torch.randperm(len(images) - HELD_OUT).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(judge(images[some].float() / 255), truth[some]).backward()
            optimizer.step()
    judge.eval().requires_grad_(False)
    right = judged(judge, images[-HELD_OUT:]) == truth[-HELD_OUT:].numpy()
    return judge, float(right.mean())


def judged(judge: nn.Module, images: Tensor) -> np.ndarray:
    """The classes [N] of images uint8 [N, 1, 16, 16]."""
    return torch.cat([judge(some.float() / 255).argmax(dim=1) for some in images.split(BATCH)]).numpy()


# --- the boundaries -------------------------------------------------------------------------------------------------


def drawn(G: Generator, ws: Tensor) -> Tensor:
    """Images uint8 [N, 1, 16, 16]."""
    return torch.cat([pictures.quantise(render(G, some, range(len(some)))) for some in ws.split(BATCH)])


def arms(G: Generator, number: int, *, samples: int) -> dict[str, Direction]:
    """The directions towards a class, by how they were found."""
    seeds = range(samples)
    scores = class_scores(G, seeds, number)
    default = find_boundary(G, seeds, scores)
    with mock.patch.object(boundary, "PENALTIES", boundary.PENALTIES[-1:]):
        hardest = find_boundary(G, seeds, scores)
    return {"default": default, "hardest": hardest, "hardest, longer steps": replace(hardest, unit=default.unit)}


def became(G: Generator, judge: nn.Module, ws: Tensor, direction: Direction, number: int) -> list[float]:
    """The shares of pictures that are of class ``number``, for every strength."""
    moved = [apply_direction(ws, direction, strength) for strength in STRENGTHS]
    return [float((judged(judge, drawn(G, each)) == number).mean()) for each in moved]


def summary(by_class: Mapping[str, list[float]], directions: Sequence[Direction]) -> dict[str, object]:
    """Of one arm."""
    return {
        "became the class": rounded(np.mean(list(by_class.values()), axis=0)),
        "by class": {name: rounded(shares) for name, shares in by_class.items()},
        "length of a step": rounded([one.deviation for one in directions]),
        "accuracy held out": rounded([one.facts["accuracy"] for one in directions]),
    }


def measured(G: Generator, judge: nn.Module, names: Sequence[str], *, samples: int, num: int) -> dict[str, object]:
    """Every arm's shares, of ``num`` latents that none of the boundaries saw."""
    seeds = range(samples, samples + num)
    ws, own = styles(G, seeds), np.asarray(classes(G, seeds))
    agreed = float((judged(judge, drawn(G, ws)) == own).mean())
    found = [arms(G, number, samples=samples) for number in range(G.c_dim)]
    show(G, found, names, ws, own)
    facts: dict[str, object] = {"judge agrees with the class asked for": round(agreed, 4), "strengths": STRENGTHS}
    for arm in found[0]:
        directions = [each[arm] for each in found]
        shares = [
            became(G, judge, ws[torch.from_numpy(own != number)], direction, number)
            for number, direction in enumerate(directions)
        ]
        facts[arm] = summary(dict(zip(names, shares, strict=True)), directions)
    return facts


def rounded(values: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]


def show(
    G: Generator, found: Sequence[Mapping[str, Direction]], names: Sequence[str], ws: Tensor, own: np.ndarray
) -> None:
    """For each class a row along the default's normal and one along the hardest's, of the first others."""
    rows, captions = [], []
    for number, (name, directions) in enumerate(zip(names, found, strict=True)):
        others = ws[np.flatnonzero(own != number)[:SHOWN]]
        for arm in ("default", "hardest"):
            seen = strip(G, others, [Move(directions[arm])], STRENGTHS)
            rows.append([pictures.enlarge(picture, SCALE) for row in seen for picture in row])
            captions.append(f"{name}, {arm}")
    sheet = layout(
        rows,
        rows=captions,
        columns=[caption(strength) for strength in STRENGTHS] * SHOWN,
        row_groups=[Group("", 2)] * len(names),
        column_groups=[Group("", len(STRENGTHS))] * SHOWN,
    )
    pictures.save_png(RESULTS / "boundaries.png", sheet)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--kimg", type=float, default=40.0)
    parser.add_argument("--samples", type=int, default=10000)
    parser.add_argument("--num", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("runs/boundaries"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    G, seconds = trained(configured(options.data, kimg=options.kimg), options.out)
    data = open_dataset(options.data, labels=True)
    judge, right = learnt(data)
    names = data.label_names or [f"class {number}" for number in range(data.c_dim)]
    facts: dict[str, object] = {
        "data": data.name,
        "kimg": options.kimg,
        "seconds": round(seconds),
        "latents": options.samples,
        "pushed": options.num,
        "judge right on real pictures held out": round(right, 4),
    }
    facts |= measured(G, judge, names, samples=options.samples, num=options.num)
    report("boundaries", facts)


if __name__ == "__main__":
    main()
