"""Metrics that draw pictures of their own: path length, linear separability, mixing, and equivariance."""

from collections.abc import Generator as Steps
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.files.pictures import quantise
from stylegans.metrics import attributes, equivariance, mixing, perceptual_path_length, rotation, separability
from stylegans.metrics.attributes import AttributeClassifiers, LinearAttributes
from stylegans.metrics.collectors import Features, in_order
from stylegans.metrics.context import Context, Outcome
from stylegans.metrics.frechet import frechet_distance, statistics
from stylegans.metrics.over_features import halves_apart
from stylegans.metrics.perceptual_path_length import Path
from stylegans.metrics.reals import Progress
from stylegans.metrics.recipes import Recipe
from stylegans.metrics.sampling import latents, noise_mode
from stylegans.ops.random import per_sample

LOW_CEILING = 0.2
"""Bits: an attribute with less, as its classifier sees it, leaves next to nothing to separate. Either the model hardly
varies it, or the classifier, perfect on real pictures, fails on generated ones."""

MOVED_TOGETHER = 4
"""Pictures that are moved alike, one batch, as in the published protocol."""

MOST_MIXED = 4
"""Latents in one picture, as in the paper's table."""


def check(one: Recipe, context: Context) -> None:
    """
    Raises:
        UserError: the recipe makes no sense for this generator, or lacks what it needs.
    """
    if one.kind == "path-length":
        perceptual_path_length.check(context.G, path_of(one))
    if one.kind == "separability":
        separability.check_installed()
        if context.classifiers is None:
            attributes.targets(labelled(context), range(1))
    if one.kind == "mixing" and context.G.num_ws < 2:
        raise UserError(f"{one.name}: this model takes one style for all layers, so there is nothing to mix")
    if one.kind == "equivariance":
        equivariance.check(context.G, one.name, smallest=rotation.SMALLEST if one.motion == "rotation" else 1)


# --- path length ------------------------------------------------------------------------------------------------------


def path_of(one: Recipe) -> Path:
    """The variant that the recipe names."""
    return Path(space=one.space, ends=one.ends, crop=one.crop)


def path_length(one: Recipe, context: Context) -> Outcome:
    """The perceptual path length."""
    distance, _ = context.networks(one)
    parts: dict[int, np.ndarray] = {}
    steps = perceptual_path_length.distances(context.G, distance, path_of(one), context.sampling(one.num))
    for done, (numbers, found) in counted(steps, context):
        parts[numbers.start] = found.double().cpu().numpy()
        yield Progress(one.name, min(done, one.num), one.num)
    shares = context.processes.gather(parts)
    if not shares:
        return None
    distances = in_order(shares)
    values = {"": perceptual_path_length.path_length(distances)}
    return context.measurement(one, values, num=len(distances), note=f", ε = {perceptual_path_length.EPSILON:g}")


# --- separability -----------------------------------------------------------------------------------------------------


def separable(one: Recipe, context: Context) -> Outcome:
    """2 to the sum of conditional entropies, in z and in w."""
    judges = context.classifiers or (yield from learnt(one, context))
    judges = context.processes.agree(judges)
    kept: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for done, (numbers, found) in counted(judged(judges, context, num=one.num), context):
        kept[numbers.start] = found
        yield Progress(one.name, min(done, one.num), one.num)
    shares = context.processes.gather(kept)
    if not shares:
        return None
    z, w, logits = (in_order({start: part[i] for start, part in share.items()} for share in shares) for i in range(3))
    keep = max(1, one.num * separability.PUBLISHED_KEEP // separability.PUBLISHED_NUM)
    spaces = {
        name: separability.separability(points, logits, keep=keep, seed=context.seed)
        for name, points in (("z", z), ("w", w))
    }
    details: dict[str, Any] = {"attributes": list(judges.names), "kept per attribute": keep}
    details |= {f"in {name}": asdict(found) for name, found in spaces.items()}
    details["hardly vary"] = [
        name for name, entropy in zip(judges.names, spaces["z"].ceilings, strict=True) if entropy < LOW_CEILING
    ]
    if isinstance(judges, LinearAttributes):
        details["classifiers"] = [asdict(quality) for quality in judges.qualities]
        details["no better than chance"] = list(judges.no_better_than_chance)
        details["left out"] = list(judges.left_out)
    dim = max(z.shape[1], w.shape[1])
    few = f"; fewer than {2 * dim} points in {dim} dimensions: chance separates them" if keep < 2 * dim else ""
    measurement = context.measurement(
        one,
        {name: found.score for name, found in spaces.items()},
        num=one.num,
        details=details,
        note=f"; linear SVM on the {keep} surest of {one.num} pictures of each of {len(judges.names)} attributes{few}",
    )
    return replace(measurement, learnt=judges if isinstance(judges, LinearAttributes) else None)


def learnt(one: Recipe, context: Context) -> Steps[Progress, None, AttributeClassifiers | None]:
    """Classifiers of what the data set's labels say; None in all processes but the first."""
    network, _ = context.networks.features(one)
    real = yield from context.real_set(one)
    if real is None:
        return None
    data = labelled(context)
    reals = context.real_pictures(one.name)
    numbers = reals.chosen(context.choice(one))
    data_hash = getattr(data, "content_hash", str)()
    return attributes.learn(
        real.features, attributes.targets(data, numbers), network=network, data_hash=data_hash, seed=context.seed
    )


def labelled(context: Context) -> Any:
    """The data set, whose labels the attributes are."""
    return context.real_pictures("ls_mobilenet").dataset


@torch.no_grad()
def judged(
    judges: AttributeClassifiers, context: Context, *, num: int
) -> Iterator[tuple[range, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """This process's share: (which, (z [n, z_dim], w of the last layer [n, w_dim], logits [n, A]))."""
    G = context.G
    for some in latents(G, context.sampling(num)):
        ws = G.mapping(some.z, some.c)
        source = per_sample(some.numbers, seed=context.seed, device=context.device)
        images = quantise(G.synthesis(ws, noise=noise_mode(G), generator=source))
        found = some.z, ws[:, -1], judges(images)
        z, w, logits = (array.float().cpu().numpy() for array in found)
        yield some.numbers, (z, w, logits)


# --- mixing -----------------------------------------------------------------------------------------------------------


def mixing_table(one: Recipe, context: Context) -> Outcome:
    """The Fréchet distance of pictures of one to four latents each, where the model has so many layers."""
    network, _ = context.networks.features(one)
    most = min(MOST_MIXED, context.G.num_ws)
    collected = [Features(network, one.num) for _ in range(most)]
    for k, collector in enumerate(collected, start=1):
        for done, (numbers, images) in counted(mixed(context, k, num=one.num), context):
            collector.update(numbers, images)
            yield Progress(f"{one.name}: {k} latents", min(done, one.num), one.num)
    real = yield from context.real_set(one)
    shares = [context.processes.gather(collector.share()) for collector in collected]
    if real is None:
        return None
    values = {
        str(k): frechet_distance(statistics(in_order(share)), real.gaussian) for k, share in enumerate(shares, start=1)
    }
    floor = halves_apart("frechet", real, context)
    return context.measurement(
        one, values, num=one.num, num_real=real.gaussian.count, real=floor, note=", random crossovers"
    )


@torch.no_grad()
def mixed(context: Context, k: int, *, num: int) -> Iterator[tuple[range, Tensor]]:
    """This process's share of pictures of ``k`` latents each: (which, uint8 [n, C, H, W]).

    Picture i of k latents takes row k·i + j of the measurement's latents for its j-th: of one latent it is the picture
    that every other metric sees.
    """
    G = context.G
    sampling = context.sampling(num)
    labels = None if sampling.labels is None else sampling.labels.repeat_interleave(k, dim=0)
    wide = replace(sampling, num=num * k, batch=sampling.batch * k, labels=labels)
    for some in latents(G, wide):
        numbers = range(some.numbers.start // k, some.numbers.stop // k)
        ws = G.mapping(some.z, some.c)
        ws = ws.view(len(numbers), k, *ws.shape[1:]).transpose(0, 1)
        crossovers = torch.cat(
            [
                mixing.crossovers(1, k, num_ws=G.num_ws, random=np.random.default_rng((context.seed, number)))
                for number in numbers
            ]
        )
        source = per_sample(numbers, seed=context.seed, device=context.device)
        yield numbers, quantise(G.synthesis(mixing.mix(ws, crossovers), noise=noise_mode(G), generator=source))


# --- equivariance -----------------------------------------------------------------------------------------------------


def moving(one: Recipe, context: Context) -> Outcome:
    """The likeness of pictures moved at the generator's input to the same pictures moved afterwards, in decibels."""
    kept: dict[int, np.ndarray] = {}
    for done, (numbers, error) in counted(errors(one, context), context):
        kept[numbers.start] = np.array([error])
        yield Progress(one.name, min(done, one.num), one.num)
    shares = context.processes.gather(kept)
    if not shares:
        return None
    total, values = in_order(shares).sum(axis=0)
    found = equivariance.Error(float(total), int(values))
    note = f", one draw for every {MOVED_TOGETHER} pictures"
    return context.measurement(one, {"": found.psnr}, num=one.num, note=note)


def errors(one: Recipe, context: Context) -> Iterator[tuple[range, equivariance.Error]]:
    """This process's share, ``MOVED_TOGETHER`` pictures at a time; how they move is drawn from the first's number."""
    G, size = context.G, context.shape[1:]
    for some in latents(G, replace(context.sampling(one.num), batch=MOVED_TOGETHER)):
        with torch.no_grad():
            ws = G.mapping(some.z, some.c)
        # both halves of the seed matter: neighbouring seeds and numbers must not share their motions
        words = np.random.SeedSequence((context.seed, some.numbers.start)).generate_state(1, np.uint64)
        random = torch.Generator().manual_seed(int(words[0]) % 2**63)
        if one.motion == "rotation":
            yield some.numbers, rotation.rotation_error(G, ws, angle=rotation.draw_angle(generator=random))
            continue
        x, y = equivariance.draw_translation(size, generator=random)
        if one.motion == "whole":
            x, y = round(x), round(y)
        yield some.numbers, equivariance.translation_error(G, ws, x=x, y=y)


def counted(steps: Iterator[tuple[range, Any]], context: Context) -> Iterator[tuple[int, tuple[range, Any]]]:
    """Each step, after about how many pictures there are so far, those of the other processes among them."""
    done = 0
    for numbers, found in steps:
        done += len(numbers) * context.processes.count
        yield done, (numbers, found)
