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
from stylegans.data.labels import parse_catalogue
from stylegans.data.ordered import ordered
from stylegans.data.prepare import class_counts
from stylegans.data.sizing import mend_command
from stylegans.data.store import CATALOGUE, Member, Store, open_store
from stylegans.errors import UserError

NEAR = 2
"""Difference hashes that differ in no more than so many of their 64 bits are near-duplicates."""


@dataclass(frozen=True)
class Findings:
    """What a data set holds."""

    name: str
    pictures: int
    """Files that look like pictures, corrupt ones counted."""
    sizes: tuple[tuple[Size, int], ...]
    """((height, width), pictures), the commonest first."""
    modes: tuple[tuple[str, int], ...]
    """(PIL's mode, pictures), the commonest first."""
    classes: tuple[tuple[str, int], ...]
    """(name or number, pictures)."""
    label_length: int
    """Length of the labels if they are vectors, else 0."""
    unlabelled: int
    """Pictures without a label in a set that has labels."""
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of pictures with the same pixels."""
    near_duplicates: tuple[tuple[str, str], ...]
    """Pairs that look alike: difference hashes at most ``NEAR`` bits apart, pixels not the same."""
    corrupt: tuple[tuple[str, str], ...]
    """(name, reason) of files that cannot be decoded."""
    rotated: int
    """Pictures with an EXIF rotation, which ``data build`` applies and a training does not."""
    problems: tuple[str, ...]
    """Why it cannot be trained on; empty if it can."""
    mend: str | None
    """The command that makes a usable set of it, when there are problems and any picture can be read."""


@dataclass(frozen=True)
class _Seen:
    size: Size
    mode: str
    digest: bytes
    hash: np.uint64
    rotated: bool


def check(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Findings:
    """Look over the folder, zip or embedded set at ``path``.

    Raises:
        MissingFile: nothing is there.
        UserError: it is neither folder nor zip, or its ``dataset.json`` is in no known layout.
    """
    opened = open_store(path, option="PATH")
    members = opened.store.members()
    content = opened.store.catalogue()
    known = None if content is None else parse_catalogue(content, where=CATALOGUE, subset=opened.subset)
    if opened.subset is not None and known is not None:
        members = [member for member in members if member.name in known.by_name]
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
    sizes = Counter(picture.size for picture in seen.values())
    modes = Counter(picture.mode for picture in seen.values())
    labels = [] if known is None else [known.by_name[member.name] for member in members if member.name in known.by_name]
    problems = _problems(len(members), sizes, modes, corrupt)
    return Findings(
        name=opened.name,
        pictures=len(members),
        sizes=tuple(sizes.most_common()),
        modes=tuple(modes.most_common()),
        classes=class_counts(labels, None if known is None else known.class_names),
        label_length=len(labels[0]) if labels and isinstance(labels[0], tuple) else 0,
        unlabelled=0 if known is None else len(members) - len(labels),
        duplicates=_duplicates(seen),
        near_duplicates=_near_duplicates(seen),
        corrupt=tuple(corrupt),
        rotated=sum(picture.rotated for picture in seen.values()),
        problems=problems,
        mend=mend_command(path, [picture.size for picture in seen.values()]) if problems and seen else None,
    )


def difference_hash(picture: Image.Image) -> np.uint64:
    """64 bits that say what a picture looks like: the picture in grey, shrunk to 9×8 by area; each bit tells whether a
    pixel is darker than its right neighbour."""
    grey = decode.to_mode(picture, "L").resize((9, 8), Image.Resampling.BOX)
    values = np.asarray(grey)
    return np.packbits(values[:, :-1] < values[:, 1:]).view(np.uint64)[0]


def near_pairs(hashes: np.ndarray, limit: int = NEAR) -> list[tuple[int, int]]:
    """Every (i, j), i < j, of ``hashes`` (uint64 [N]) that differ in at most ``limit`` bits, all against all."""
    pairs = []
    for i in range(len(hashes) - 1):
        close = np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= limit
        pairs += [(i, i + 1 + int(j)) for j in np.flatnonzero(close)]
    return pairs


def _look(store: Store, member: Member) -> _Seen | str:
    """What one picture is, or why it cannot be decoded."""
    try:
        with store.open(member) as stream:
            picture = decode.open_picture(stream)
            picture.load()
            pixels = hashlib.sha256(f"{picture.mode} {picture.size}".encode() + picture.tobytes()).digest()
            return _Seen(
                size=(picture.height, picture.width),
                mode=picture.mode,
                digest=pixels,
                hash=difference_hash(picture),
                rotated=decode.is_turned(picture),
            )
    except Exception as error:  # a broken file makes PIL raise almost anything
        return " ".join(str(error).split()) or type(error).__name__


def _duplicates(seen: dict[str, _Seen]) -> tuple[tuple[str, ...], ...]:
    groups: dict[bytes, list[str]] = {}
    for name, picture in seen.items():
        groups.setdefault(picture.digest, []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def _near_duplicates(seen: dict[str, _Seen]) -> tuple[tuple[str, str], ...]:
    distinct = {picture.digest: (name, picture.hash) for name, picture in reversed(seen.items())}
    names = [name for name, _ in reversed(distinct.values())]
    hashes = np.array([value for _, value in reversed(distinct.values())], dtype=np.uint64)
    return tuple((names[i], names[j]) for i, j in near_pairs(hashes))


def _problems(
    pictures: int, sizes: Counter[Size], modes: Counter[str], corrupt: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    found = []
    if not pictures:
        found.append("there are no pictures")
    if corrupt:
        found.append(f"{len(corrupt)} files cannot be decoded")
    if len(sizes) > 1:
        found.append(f"there are {len(sizes)} sizes")
    if len(modes) > 1:
        found.append(f"there are {len(modes)} modes: {', '.join(modes)}")
    foreign = [mode for mode in modes if mode not in decode.CHANNELS]
    if foreign:
        found.append(f"mode {', '.join(foreign)} is not L, RGB or RGBA")
    if len(sizes) == 1:
        try:
            base_grid(next(iter(sizes)), option="size")
        except UserError as error:
            found.append(str(error))
    return tuple(found)
