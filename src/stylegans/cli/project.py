"""``stylegans project MODEL IMAGE``: a picture's place in the latent space, and whether it is this model's own."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, TypeVar

import tyro

from stylegans.cli.label import label_of
from stylegans.cli.parse import parse
from stylegans.cli.progress import progress
from stylegans.cli.start import importing
from stylegans.config import Precision
from stylegans.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from stylegans.networks.protocol import Generator
    from stylegans.tools.attribute import Calibration, Conditions
    from stylegans.tools.generate import Label
    from stylegans.tools.latents import Latent
    from stylegans.tools.perceptual import Perceptual
    from stylegans.tools.project_report import AnyStep, Descent
    from stylegans.tools.targets import Target


class Numbered(Protocol):
    """A step of a search."""

    @property
    def number(self) -> int: ...

    @property
    def total(self) -> int: ...


T = TypeVar("T", bound=Numbered)


@dataclass(frozen=True)
class Project:
    """Find pictures in the latent space: the latents that draw what is nearest to them."""

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl or .pt of
    another program's, or hf://user/repo"""
    image: tyro.conf.Positional[tuple[Path, ...]]
    """the pictures to find, one or more; of another size, their centre is cut out and resized as data build does"""
    out: Path
    """the folder to write to"""
    space: Literal["w", "w+"] = "w"
    """one w for all layers as published, or one for each, which comes nearer to pictures that are not the model's"""
    steps: int | None = None
    """steps of the search: 1000 unless given, 150 with --attribute"""
    seed: int = 0
    """of the noise"""
    start: str = "nearest"
    """where the search begins: nearest (of 512 random pictures), mean (of w, as published), seed:7, or a file with a
    latent (.safetensors, .npz)"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """the class, for a model with classes; or the label's numbers, like 0,1,1,0; else drawn by --seed"""
    tune: bool = False
    """then tune the generator around the latents until it draws the pictures (pivotal tuning)"""
    tune_steps: int = 500
    """steps of the tuning"""
    tune_rate: float | None = None
    """its learning rate; by default what suits the network's size, 3e-4 (published) for large ones"""
    locality: float = 0.0
    """the weight that holds other pictures as they were while tuning, 0.1 in the paper; twice the time"""
    attribute: bool = False
    """say whether the pictures are this model's own, by how near the search comes"""
    data: str | None = None
    """with --attribute: real pictures to calibrate with, a path or an embedded set's name"""
    calibrate: int = 48
    """with --attribute: so many generated and so many real pictures to calibrate with"""
    calibration: Path | None = None
    """with --attribute: where the calibration is kept: read if it is there, else made with --data; by default
    calibration.json in --out"""
    features: tuple[Path, ...] = ()
    """a file with VGG16's weights, which the published distance sees with; by default from the cache if they are there,
    else the embedded AlexNet"""
    video: bool = False
    """write descent.mp4 too: the search as a video"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""
    precision: Precision = "float32"
    """of the convolutions: float32, bfloat16, float16 (on a GPU), or auto (bfloat16 where the machine is fast at it)"""
    compile: bool = False
    """compile the network first, which takes a minute or more: for long jobs"""


def main(argv: list[str]) -> int:
    """``stylegans project``."""
    options = parse(Project, argv, prog="stylegans project")
    check(options)

    with importing():
        import torch

        from stylegans import models
        from stylegans.runs import machine
        from stylegans.runs.compiling import compiled
        from stylegans.tools.perceptual import open_perceptual
        from stylegans.tools.targets import read_target

    machine.tune_allocator()
    device = machine.choose_device(options.device)
    G = models.load(options.model, device=device)
    machine.compute_in(options.precision, G, device)
    label = label_of(G, options.model, options.label)
    targets = [read_target(path, G) for path in options.image]
    perceptual = open_perceptual(options.features, device=device)
    for target in targets:
        if note := target.note():
            print(note)
    images = torch.stack([target.image for target in targets]).to(device)
    with compiled(G, first_step(G, len(images)), wanted=options.compile, tell=print):
        if options.attribute:
            attribute(options, G, targets, images, perceptual, label)
        else:
            find(options, G, targets, images, perceptual, label)
    return 0


def first_step(G: "Generator", count: int) -> "Callable[[], object]":
    """What the warm-up of a compiled generator draws: a step of the search for ``count`` pictures, and its gradient."""
    import torch

    from stylegans.networks.protocol import device_of
    from stylegans.tools import noise_maps

    def first() -> object:
        maps = noise_maps.draw(G, count=count, generator=torch.Generator())
        w = torch.zeros(count, 1, G.w_dim, device=device_of(G))
        searched = [each.requires_grad_() for each in (w, *maps.values())]
        return torch.autograd.grad(
            noise_maps.synthesise(G, w.expand(-1, G.num_ws, -1), maps).sum(), searched, allow_unused=True
        )

    return first


def check(options: Project) -> None:
    """
    Raises:
        UserError: an option makes no sense, or not beside the others.
    """
    if not options.image:
        raise UserError("IMAGE: missing; name a picture to find")
    if options.out.exists() and not options.out.is_dir():
        raise UserError(f"--out: {options.out} is a file; name a folder")
    if not 0 <= options.seed < 2**32:
        raise UserError(f"--seed: {options.seed} is not between 0 and {2**32 - 1}")
    if options.steps is not None and options.steps < 1:
        raise UserError(f"--steps: {options.steps} steps lead nowhere; 1000 are published")
    if options.attribute:
        for name, given in (("--tune", options.tune), ("--video", options.video), ("--space w+", options.space != "w")):
            if given:
                raise UserError(f"{name}: is not for --attribute, which compares projections into w; leave it out")
        if options.precision != "float32":
            raise UserError("--precision: --attribute compares distances that were calibrated in float32; leave it out")
        if options.start not in ("mean", "nearest"):
            raise UserError(f"--start: '{options.start}' is not for --attribute; use mean or nearest")
        if options.calibration is None and options.data is None:
            raise UserError("--attribute: needs --data, real pictures to calibrate with, or --calibration FILE")
    elif options.data is not None or options.calibration is not None:
        raise UserError("--data, --calibration: are for --attribute alone; add it or leave them out")
    if options.video:
        from stylegans.tools.video import check_video

        try:
            check_video("descent.mp4", fps=30)
        except UserError:
            raise UserError("--video: needs PyAV: pip install 'stylegans[video]'") from None


def find(
    options: Project,
    G: "Generator",
    targets: "list[Target]",
    images: "Tensor",
    perceptual: "Perceptual",
    label: "Label | None",
) -> None:
    """Project, tune if asked, and save."""
    from itertools import chain

    from stylegans.tools import project_report as report
    from stylegans.tools import tune as tuner
    from stylegans.tools.generate import class_report, labels
    from stylegans.tools.project import STEPS, project
    from stylegans.tools.video import write_video

    if options.tune:
        tuner.check(steps=options.tune_steps, rate=options.tune_rate, locality=options.locality)
    if said := class_report(G, [options.seed], label):
        print(said)
    c = labels(G, [options.seed], label)
    steps = STEPS if options.steps is None else options.steps
    projected, tuned = report.Descent(), report.Descent() if options.tune else None
    search = project(
        G,
        images,
        perceptual,
        space=options.space,
        steps=steps,
        start=start_of(options.start, G, images, perceptual, c),
        label=c,
        seed=options.seed,
    )
    print(f"projecting into {options.space}, {steps} steps, distance {perceptual.name}, seed {options.seed}")

    def tuning() -> "Iterator[AnyStep]":
        if tuned is None or projected.latent is None:
            return
        bending = tuner.tune(
            G,
            images,
            projected.latent,
            perceptual,
            steps=options.tune_steps,
            rate=options.tune_rate,
            locality=options.locality,
            label=c,
            seed=options.seed,
        )
        yield from tuned.follow(shown(bending, "tuning"))

    began = time.monotonic()
    everything = chain(projected.follow(shown(search, "projecting")), tuning())
    if options.video:
        write_video(options.out / "descent.mp4", report.frames(everything, images), fps=report.FPS)
    else:
        deque(everything, maxlen=0)
    seconds = time.monotonic() - began
    names = [target.name for target in targets]
    report.save_result(options.out, names, images, projected, tuned)
    if tuned is not None and tuned.delta is not None:
        tuner.write_delta(options.out / "tuned.safetensors", tuned.delta, base=G)
    tell(names, images, projected, tuned)
    if not options.tune and any(is_far(projected, n) for n in range(len(names))):
        print("far still: --space w+ and --tune come nearer")
    count = steps + (options.tune_steps if options.tune else 0)
    pace = f"{seconds / count:.3g} s a step for {len(names)} picture{'s' * (len(names) > 1)}"
    print(f"wrote {options.out}: latent.safetensors, before_after.png, distance.png, distances.csv, … ({pace})")


def is_far(projected: "Descent", number: int) -> bool:
    """Whether a picture came less than ten times nearer, which a model's own nearly always do."""
    return projected.distances[0][number] < 10 * projected.distances[-1][number]


def tell(names: list[str], images: "Tensor", projected: "Descent", tuned: "Descent | None") -> None:
    """How near each picture came."""
    from stylegans.tools.project_report import psnr

    ends = [("projected", projected)] + ([("tuned", tuned)] if tuned is not None else [])
    likeness = {kind: psnr(descent.last, images) for kind, descent in ends if descent.last is not None}
    for number, name in enumerate(names):
        before, after = projected.distances[0][number], projected.distances[-1][number]
        times = f"{before / after:.3g} times nearer, " if after > 0 else ""
        line = f"{name}: distance {before:.4g} → {after:.4g} ({times}{likeness['projected'][number]:.1f} dB)"
        if tuned is not None:
            line += f"; tuned {tuned.distances[-1][number]:.4g} ({likeness['tuned'][number]:.1f} dB)"
        print(line)


def start_of(
    text: str, G: "Generator", images: "Tensor", perceptual: "Perceptual", label: "Tensor | None"
) -> "Latent | None":
    """What ``--start`` says; None: the mean of w.

    Raises:
        UserError: it is neither a word known here nor a file with a latent.
    """
    from stylegans.tools.generate import parse_seeds
    from stylegans.tools.project import nearest_start, read_latent, seed_start

    if text == "mean":
        return None
    if text == "nearest":
        return nearest_start(G, images, perceptual, label)
    if text.startswith("seed:"):
        seeds = parse_seeds(text.removeprefix("seed:"), option="--start")
        if len(seeds) > 1:
            raise UserError(f"--start: {text} names {len(seeds)} seeds; a search begins from one, like seed:{seeds[0]}")
        return seed_start(G, seeds[0], label)
    if not Path(text).expanduser().exists():
        raise UserError(f"--start: '{text}' is none of mean, nearest, seed:N and no file")
    try:
        return read_latent(Path(text).expanduser())
    except UserError as error:
        raise UserError(f"--start: {error}") from None


def attribute(
    options: Project,
    G: "Generator",
    targets: "list[Target]",
    images: "Tensor",
    perceptual: "Perceptual",
    label: "Label | None",
) -> None:
    """Say of each picture whether it is the model's own."""
    import json

    from stylegans.files.atomic import write_text
    from stylegans.tools import attribute as tools
    from stylegans.tools import project_report as report
    from stylegans.tools.generate import labels
    from stylegans.tools.latents import fingerprint

    conditions = tools.Conditions(
        model=fingerprint(G),
        network=perceptual.name,
        steps=tools.STEPS if options.steps is None else options.steps,
        start="mean" if options.start == "mean" else "nearest",
        seed=options.seed,
    )
    calibration = calibrated(options, G, perceptual, conditions, label)
    c = None if label is None else labels(G, [options.seed], label)
    search = tools.search(G, images, perceptual, conditions, label=c)
    distances = deque(shown(search, "projecting"), maxlen=1)[0].distances.tolist()
    own, real = (tools.density(each, distances) for each in (calibration.own, calibration.real))
    names = [target.name for target in targets]
    print(
        f"calibration: {len(calibration.own)} generated and {len(calibration.real)} real pictures, "
        f"AUC {calibration.auc:.3f}, threshold {calibration.threshold:.4g}, "
        f"balanced accuracy {calibration.accuracy:.3f} ({perceptual.name}, {conditions.steps} steps)"
    )
    verdicts = []
    for name, distance, as_own, as_real in zip(names, distances, own, real, strict=True):
        is_own = distance < calibration.threshold
        verdict = "this model's own" if is_own else "not this model's"
        print(
            f"{name}: {verdict}: distance {distance:.4g}; density {as_own:.3g} among its own, {as_real:.3g} among real"
        )
        densities = {"density_own": float(as_own), "density_real": float(as_real)}
        verdicts.append({"name": name, "own": is_own, "distance": distance, **densities})
    facts = {"threshold": calibration.threshold, "auc": calibration.auc, "accuracy": calibration.accuracy}
    write_text(options.out / "attribution.json", json.dumps({**facts, "pictures": verdicts}, indent=1) + "\n")
    report.save_figure(options.out / "attribution.png", report.histogram(calibration, names, distances))
    print(f"wrote {options.out}: attribution.json, attribution.png")


def calibrated(
    options: Project, G: "Generator", perceptual: "Perceptual", conditions: "Conditions", label: "Label | None"
) -> "Calibration":
    """The calibration kept, or a new one, which is then kept.

    Raises:
        UserError: the one kept is for other conditions; or there is none, and no --data to make it with.
    """
    from stylegans.data.images import open_dataset
    from stylegans.tools.attribute import calibrate, read_calibration, write_calibration

    path = options.calibration or options.out / "calibration.json"
    if path.exists() or options.data is None:
        print(f"calibration of {path}")
        return read_calibration(path, conditions)
    reals = open_dataset(options.data, size=G.img_resolution)
    steps = calibrate(G, reals, perceptual, conditions, count=options.calibrate, label=label)
    with progress() as show:
        for step in steps:
            show("calibrating", step.done, step.total)
            if step.calibration is not None:
                write_calibration(path, step.calibration)
                print(f"wrote {path}, for --calibration")
                return step.calibration
    raise RuntimeError("a calibration ends with its result")


def shown(steps: "Iterable[T]", what: str) -> "Iterator[T]":
    """The same steps, under a bar."""
    with progress() as show:
        for step in steps:
            show(what, step.number, step.total)
            yield step
