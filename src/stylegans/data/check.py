"""Is this fit to train on? Every picture decoded, measured and compared. What ``data check`` shows."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from stylegans.config.sizes import Size, base_grid
from stylegans.data import decode
from stylegans.data.images import FEWEST, members_of, open_pictures, refuse_source
from stylegans.data.labels import Label, parse_catalogue
from stylegans.data.ordered import ordered
from stylegans.data.prepare import class_counts
from stylegans.data.sizing import mend_command
from stylegans.data.store import CATALOGUE, Member, Store
from stylegans.data.words import reason
from stylegans.errors import UserError
from stylegans.files.pictures import as_image, visible

NEAR = 2
"""Difference hashes of near-duplicates differ in no more than so many of their 64 bits,"""

NEAR_LEVELS = 16
"""and the shrunk pictures that they are made of nowhere by more than so many of 255 levels: before a plain background
one kind of thing has one hash (of Fashion-MNIST 3.9 million pairs), and the levels tell its pictures apart."""

MOST_PAIRS = 10_000
"""More near-duplicates are not looked for: the frames of one video are all one another's."""


@dataclass(frozen=True)
class Findings:
    """What a data set holds."""

    name: str
    pictures: int
    """Files that look like pictures, corrupt ones counted."""
    sizes: tuple[tuple[Size, int], ...]
    """((height, width), pictures), the commonest first."""
    modes: tuple[tuple[str, int], ...]
    """(PIL's mode, or an array's channels and bits; pictures), the commonest first."""
    depths: tuple[tuple[int, int], ...]
    """(bits per number as a training or build reads them, pictures), the commonest first."""
    rounded: int
    """Pictures of 16 bits per colour, of which 8 are read."""
    classes: tuple[tuple[str, int], ...]
    """(name or number, pictures)."""
    vectors: int
    """Pictures whose label is a vector."""
    columns: tuple["Column", ...]
    """The places of the vectors."""
    unlabelled: int
    """Pictures without a label in a set that has labels."""
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of pictures with the same pixels."""
    near_duplicates: tuple[tuple[str, str], ...]
    """Pairs that look alike, pixels not the same; of plain ones none. At most ``MOST_PAIRS``."""
    corrupt: tuple[tuple[str, str], ...]
    """(name, reason) of files that cannot be decoded."""
    rotated: int
    """Pictures with an EXIF rotation, which ``data build`` applies and a training does not."""
    problems: tuple[str, ...]
    """Why it cannot be trained on; empty if it can."""
    mend: str | None
    """The command that makes a usable set of it, when there are problems and any picture can be read."""


@dataclass(frozen=True)
class Column:
    """One place of all label vectors."""

    name: str
    """Its name, or its number from 0."""
    positive: int | None
    """How many are 1 if all are 0 or 1 (yes or no), else None."""
    mean: float
    smallest: float
    largest: float


@dataclass(frozen=True)
class _Seen:
    header: decode.Header
    digest: bytes
    small: np.ndarray
    """uint8 [8, 9], see ``shrunk``"""
    rotated: bool


def check(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Findings:
    """Look over the folder, zip or embedded set at ``path``.

    Raises:
        MissingFile: nothing is there.
        UserError: it is neither folder nor zip of pictures, or its ``dataset.json`` is in no known layout.
    """
    opened = open_pictures(path, option="PATH")
    content = opened.store.catalogue()
    known = None if content is None else parse_catalogue(content, where=CATALOGUE, subset=opened.subset)
    members = members_of(opened, known)
    if not members:
        refuse_source(path, option="PATH")
    seen: dict[str, _Seen] = {}
    corrupt: list[tuple[str, str]] = []
    with decode.reading_any():
        for done, (member, result) in enumerate(
            zip(members, ordered(partial(_look, opened.store), members), strict=True)
        ):
            if isinstance(result, str):
                corrupt.append((member.name, result))
            else:
                seen[member.name] = result
            if progress is not None:
                progress(done + 1, len(members))
    headers = [picture.header for picture in seen.values()]
    labels = [] if known is None else [known.by_name[member.name] for member in members if member.name in known.by_name]
    names = None if known is None else known.class_names
    columns = label_columns(labels, names)
    problems = _problems(len(members), headers, len(corrupt))
    return Findings(
        name=opened.name,
        pictures=len(members),
        sizes=tuple(Counter(header.size for header in headers).most_common()),
        modes=tuple(Counter(header.mode for header in headers).most_common()),
        depths=tuple(Counter(header.depth for header in headers).most_common()),
        rounded=sum(header.is_rounded for header in headers),
        classes=class_counts(labels, names),
        vectors=len(labels) if columns else 0,
        columns=columns,
        unlabelled=0 if known is None else len(members) - len(labels),
        duplicates=_duplicates(seen),
        near_duplicates=_near_duplicates(seen),
        corrupt=tuple(corrupt),
        rotated=sum(picture.rotated for picture in seen.values()),
        problems=problems,
        mend=_mend(path, headers) if problems and headers else None,
    )


def label_columns(labels: Sequence[Label], names: Sequence[str] | None) -> tuple[Column, ...]:
    """Each place of ``labels`` that are vectors; none of classes."""
    if not labels or not isinstance(labels[0], tuple):
        return ()
    named = names or ()
    return tuple(
        Column(
            name=named[place] if place < len(named) else str(place),
            positive=int(values.sum()) if np.isin(values, (0, 1)).all() else None,
            mean=float(values.mean()),
            smallest=float(values.min()),
            largest=float(values.max()),
        )
        for place, values in enumerate(np.array(labels, dtype=np.float64).T)
    )


def shrunk(picture: Image.Image) -> np.ndarray:
    """What a picture looks like from afar: in grey, uint8 [8, 9], each number the mean over its area."""
    return np.asarray(decode.to_mode(picture, "L").resize((9, 8), Image.Resampling.BOX))


def difference_hashes(small: np.ndarray) -> np.ndarray:
    """uint8 [N, 8, 9] → 64 bits for each picture, uint64 [N]; each tells whether a number is below its right
    neighbour."""
    bits = np.packbits((small[..., :-1] < small[..., 1:]).reshape(-1, 64), axis=1)
    return bits.view(np.uint64)[:, 0]


def near_pairs(small: np.ndarray) -> list[tuple[int, int]]:
    """The pairs (i, j), i < j, of pictures (uint8 [N, 8, 9]) that look alike, all against all; at most ``MOST_PAIRS``.

    Alike: difference hashes at most ``NEAR`` bits apart, and nowhere more than ``NEAR_LEVELS`` between their numbers.
    """
    hashes, levels = difference_hashes(small), small.reshape(-1, 72).astype(np.int16)
    pairs: list[tuple[int, int]] = []
    for i in range(len(hashes) - 1):
        close = i + 1 + np.flatnonzero(np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= NEAR)
        close = close[np.abs(levels[close] - levels[i]).max(axis=1, initial=0) <= NEAR_LEVELS]
        pairs += [(i, int(j)) for j in close]
        if len(pairs) >= MOST_PAIRS:
            return pairs[:MOST_PAIRS]
    return pairs


def _look(store: Store, member: Member) -> _Seen | str:
    """What one picture is, or why it cannot be decoded."""
    try:
        with store.open(member) as stream:
            picture = decode.read(stream)
            header = decode.header_of(picture)
            if isinstance(picture, Image.Image):
                picture.load()
            return _Seen(
                header=header,
                digest=hashlib.sha256(f"{header}".encode() + picture.tobytes()).digest(),
                small=_small(picture),
                rotated=isinstance(picture, Image.Image) and decode.is_turned(picture),
            )
    except Exception as error:  # a broken file makes PIL raise almost anything
        return reason(error)


def _small(picture: decode.Picture) -> np.ndarray:
    """What can be shown of it, shrunk."""
    return shrunk(picture if isinstance(picture, Image.Image) else as_image(visible(picture.transpose(1, 2, 0))))


def _duplicates(seen: dict[str, _Seen]) -> tuple[tuple[str, ...], ...]:
    groups: dict[bytes, list[str]] = {}
    for name, picture in seen.items():
        groups.setdefault(picture.digest, []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def _near_duplicates(seen: dict[str, _Seen]) -> tuple[tuple[str, str], ...]:
    # A picture of one colour, whose hash has no bit set, looks like every other of about that colour.
    first = {picture.digest: (name, picture.small) for name, picture in reversed(seen.items())}
    distinct = [(name, small) for name, small in reversed(first.values()) if difference_hashes(small).any()]
    names = [name for name, _ in distinct]
    small = np.array([numbers for _, numbers in distinct], dtype=np.uint8).reshape(-1, 8, 9)
    return tuple((names[i], names[j]) for i, j in near_pairs(small))


def _problems(pictures: int, headers: Sequence[decode.Header], corrupt: int) -> tuple[str, ...]:
    """What ``open_dataset`` and the networks refuse, and nothing else."""
    found = []
    if not pictures:
        found.append("there are no pictures")
    elif pictures < FEWEST:
        found.append(f"there is only {pictures} picture; a training needs at least {FEWEST}")
    if corrupt:
        found.append(f"{corrupt} files cannot be decoded")
    sizes = {header.size for header in headers}
    if len(sizes) > 1:
        found.append(f"there are {len(sizes)} sizes")
    modes = dict.fromkeys(header.mode for header in headers)
    if len({(header.channels or header.mode, header.depth) for header in headers}) > 1:
        found.append(f"there are {len(modes)} modes: {', '.join(modes)}")
    foreign = dict.fromkeys(header.mode for header in headers if header.channels is None)
    if foreign:
        found.append(f"mode {', '.join(foreign)} is not L, RGB or RGBA")
    if len(sizes) == 1:
        try:
            base_grid(next(iter(sizes)), option="size")
        except UserError as error:
            found.append(str(error))
    return tuple(found)


def _mend(path: str | Path, headers: Sequence[decode.Header]) -> str:
    return mend_command(path, [header.size for header in headers], depth=min(header.depth for header in headers))
