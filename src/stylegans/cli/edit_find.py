"""``stylegans edit find MODEL``: directions in the latent space, as files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.cli.progress import tracked
from stylegans.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stylegans.networks.protocol import Generator
    from stylegans.tools.directions import Direction
    from stylegans.tools.directions.labels import Classifier
    from stylegans.tools.generate import Label

SUPERVISED = ("boundary", "difference")

SAMPLES = {"sefa": 10_000, "pca": 50_000, "boundary": 20_000, "difference": 10_000}
"""Latents, unless --samples says otherwise; with a classifier, which must see pictures, ``PICTURES``."""

PICTURES = 2_000


@dataclass(frozen=True)
class Find:
    """Directions in the latent space: closed-form factorisation (SeFa), principal components (GANSpace), linear
    boundaries (InterFaceGAN) or differences of groups."""

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl or .pt of
    another program's, or hf://user/repo"""
    method: Literal["sefa", "pca", "boundary", "difference"]
    """sefa: what changes the styles most, by the weights alone; pca: how w varies; boundary: the normal between
    pictures with an attribute and without; difference: from one group's mean to another's"""
    out: Path
    """one .safetensors file for all, or a folder for a file each"""
    count: int = 10
    """directions, of sefa and pca"""
    layers: str | None = None
    """coarse, middle, fine, a layer, a range like 0-3, or several with commas: whose styles sefa factorises, and what
    edit apply will move; by default all"""
    labels: str | None = None
    """who has the attribute: class:3 for the model's own class, or a CSV or JSON file of seeds with labels or scores"""
    classifier: str | None = None
    """or who says so: mobilenet:207 for a class of ImageNet by its number, or FILE.safetensors:NAME for attribute
    classifiers that measure has kept"""
    positive: str | None = None
    """seeds of a difference: those that show it, like 1,5,9"""
    negative: str | None = None
    """and those that do not"""
    keep: int | None = None
    """of labels and scores, the surest so many on each side; by default a fifth of the scores, all of the labels"""
    samples: int | None = None
    """latents to look at: by default 10000 (sefa, difference), 50000 (pca), 20000 (boundary), or with a classifier
    2000 pictures"""
    against: str | None = None
    """directions that must not change along: FILE or FILE:NAME, several with commas; their share is projected out"""
    name: str | None = None
    """of the boundary or difference"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """of a model with classes: look at this one alone; else each seed draws its own"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""
    batch: int = 8
    """pictures at a time, for the classifier"""


def main(argv: list[str]) -> int:
    """``stylegans edit find``."""
    options = parse(Find, argv, prog="stylegans edit find")
    check(options)

    from stylegans import models
    from stylegans.runs import machine
    from stylegans.tools.directions import conditional, spread_of, write_directions
    from stylegans.tools.directions.choice import read_choice, read_layers

    machine.tune_allocator()
    G = models.load(options.model, device=machine.choose_device(options.device))
    layers = read_layers(options.layers, G)
    label = label_of(G, options.model, options.label)
    others = () if options.against is None else read_choice(options.against, G, option="--against")
    found = search(G, options, layers, label)
    if others:
        spread = spread_of(G, samples=options.samples or SAMPLES["sefa"], label=label)
        found = tuple(conditional(each, [other.direction for other in others], spread) for each in found)
    for each in found:
        print(describe(each))
    if options.out.suffix == ".safetensors":
        write_directions(options.out, found)
        print(f"wrote {options.out}: {len(found)} direction{'s' * (len(found) > 1)}")
        return 0
    for each in found:
        write_directions(options.out / f"{each.name}.safetensors", [each])
    print(f"wrote {len(found)} file{'s' * (len(found) > 1)} to {options.out}")
    return 0


def check(options: Find) -> None:
    """
    Raises:
        UserError: options that do not go together, or a value out of range.
    """
    if options.out.suffix and options.out.suffix != ".safetensors" and not options.out.is_dir():
        raise UserError(f"--out: {options.out.name}: name a file that ends in .safetensors, or a folder")
    if options.out.suffix != ".safetensors" and options.out.is_file():
        raise UserError(f"--out: {options.out} is a file; name a folder, or a file that ends in .safetensors")
    if options.samples is not None and options.samples < 2:
        raise UserError(f"--samples: {options.samples} is too few to see how latents vary; use 1000 or more")
    if options.samples is not None and options.samples > 1_000_000:
        raise UserError(f"--samples: {options.samples} is more than the million that the papers used; use fewer")
    if options.method not in SUPERVISED:
        for option in ("labels", "classifier", "positive", "negative", "keep", "name"):
            if getattr(options, option) is not None:
                raise UserError(f"--{option}: belongs to --method {' and '.join(SUPERVISED)}; leave it out")
        return
    seeds = options.positive is not None or options.negative is not None
    if seeds and (options.method != "difference" or options.positive is None or options.negative is None):
        raise UserError("--positive: goes with --negative, and with --method difference")
    if seeds and options.keep is not None:
        raise UserError("--keep: chooses among labels and scores; the seeds of --positive and --negative all count")
    if sum((options.labels is not None, options.classifier is not None, seeds)) != 1:
        own = ", or --positive and --negative" * (options.method == "difference")
        raise UserError(f"--labels: say who has the attribute: --labels or --classifier{own}, one of them")
    if options.name is not None:
        from stylegans.tools.directions.files import check_name

        check_name(options.name)
    if options.method == "boundary":
        from stylegans.tools.directions.boundary import check_installed

        check_installed()


def search(
    G: "Generator", options: Find, layers: "Sequence[int] | None", label: "Label | None"
) -> "tuple[Direction, ...]":
    """The directions, by the method asked for."""
    from stylegans.tools.directions import find_boundary, find_difference, find_pca, find_sefa
    from stylegans.tools.directions.labels import sides
    from stylegans.tools.generate import parse_seeds

    samples = options.samples or SAMPLES[options.method]
    if options.method == "sefa":
        return find_sefa(G, layers, count=options.count, samples=samples, label=label)
    if options.method == "pca":
        return find_pca(G, count=options.count, samples=samples, label=label, layers=layers)
    if options.positive is not None and options.negative is not None:
        groups = [
            parse_seeds(text, option=option)
            for option, text in (("--positive", options.positive), ("--negative", options.negative))
        ]
        name = options.name or "difference"
        return (find_difference(G, *groups, name=name, label=label, layers=layers, samples=samples),)
    name, seeds, scores = scored(G, options, label)
    if options.method == "boundary":
        return (find_boundary(G, seeds, scores, keep=options.keep, name=name, label=label, layers=layers),)
    parted = sides(scores, keep=options.keep)
    groups = [tuple(seeds[i] for i in side) for side in (parted.positive, parted.negative)]
    return (find_difference(G, *groups, name=name, label=label, layers=layers, samples=samples),)


def scored(G: "Generator", options: Find, label: "Label | None") -> "tuple[str, Sequence[int], Sequence[float]]":
    """(a name for the attribute, seeds, their scores)."""
    from stylegans.tools.directions.labels import class_scores, picture_scores, read_scores

    if options.classifier is not None:
        name, classifier = classifier_of(options.classifier, G)
        seeds = range(options.samples or PICTURES)
        drawn = picture_scores(G, seeds, classifier, label=label, batch=options.batch)
        return options.name or name, seeds, list(tracked(drawn, "classifying", len(seeds)))
    assert options.labels is not None  # check has seen to it
    if options.labels.startswith("class:"):
        number = options.labels.removeprefix("class:").strip()
        if not number.isdecimal():
            raise UserError(f"--labels: '{options.labels}' is no class; write it like class:3")
        if label is not None:
            raise UserError("--class: with --labels class:3 each seed draws its own class; leave it out")
        seeds = range(options.samples or SAMPLES["boundary"])
        return options.name or f"class{number}", seeds, class_scores(G, seeds, int(number))
    known = read_scores(options.labels)
    return options.name or Path(options.labels).stem, list(known), list(known.values())


def classifier_of(text: str, G: "Generator") -> "tuple[str, Classifier]":
    """'mobilenet:207' or 'FILE.safetensors:NAME' → (a name for the attribute, the classifier).

    Raises:
        UserError: it is neither, or the model's pictures are none that it can see.
    """
    from stylegans.metrics import attributes
    from stylegans.metrics.features import mobilenet
    from stylegans.networks.protocol import device_of

    if G.img_channels not in (1, 3, 4):
        raise UserError(
            f"--classifier: sees pictures of 1, 3 or 4 channels, not {G.img_channels}; give --labels a file"
        )
    source, _, which = text.rpartition(":")
    network = mobilenet.load(device=device_of(G))
    if source == "mobilenet":
        if not which.isdecimal() or int(which) >= mobilenet.CLASSES:
            raise UserError(f"--classifier: '{which}' is no class of ImageNet; they are 0 to {mobilenet.CLASSES - 1}")
        column = int(which)
        return f"mobilenet{column}", lambda images: network.logits(network(images))[:, column]
    if not source.endswith(".safetensors"):
        raise UserError(f"--classifier: '{text}' is neither mobilenet:CLASS nor FILE.safetensors:NAME")
    learnt = attributes.load(source, network)
    if which not in learnt.names:
        raise UserError(f"--classifier: {source} knows no '{which}'; it knows {', '.join(learnt.names)}")
    place = learnt.names.index(which)
    return "".join(c if c.isalnum() else "-" for c in which), lambda images: learnt(images)[:, place]


def describe(direction: "Direction") -> str:
    """'pc0: standard deviation 1.21, 34 % of the variance'."""
    facts = direction.facts
    words = [f"standard deviation {direction.deviation:.3g}"]
    if "eigenvalue" in facts:
        words.append(f"eigenvalue {facts['eigenvalue']:.3g}")
    if "variance" in facts:
        words.append(f"{100 * facts['variance']:.3g} % of the variance")
    if "accuracy" in facts:
        among = f"{facts['positives']:.0f} with and {facts['negatives']:.0f} without"
        words.append(f"parts {100 * facts['accuracy']:.1f} % of those held out, of {among}")
    if "distance" in facts:
        words.append(f"the groups' means are {facts['distance']:.3g} of these apart")
    if "left" in facts:
        words.append(f"{100 * facts['left']:.3g} % of its length left")
    return f"{direction.name}: {', '.join(words)}"
