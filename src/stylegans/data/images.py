"""A folder or zip of pictures as a training sees it: numbered, of one size, decoded, with labels."""

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from stylegans.config.sizes import Size, format_size
from stylegans.data import arrays, decode, decoded, hub, labels, sources
from stylegans.data.sizing import build_command, mend_command
from stylegans.data.store import CATALOGUE, Member, Opened, Store, open_store
from stylegans.data.words import printable, reason
from stylegans.errors import MissingFile, UserError

CACHE_BYTES = 2 << 30
"""Sets that are no larger than this once decoded stay in a process's memory as they are read."""

FEWEST = 2
"""A set of fewer pictures is refused: there is nothing to learn a distribution from."""


LabelKind = Literal["", "classes", "vectors"]


class ImageDataset:
    """Pictures by number, uint8 or uint16 [C, H, W]; made by :func:`open_dataset`.

    Pictures are in the order of their sorted names. With ``xflip``, number n + i is picture i mirrored. It can be
    pickled, without its cache, and used in any process; each then keeps its own cache, unless :meth:`sharing` gave it
    one that all have.

    Attributes:
        name: the file's or folder's name without ending, or the embedded set's.
        resolution: (height, width) of what :meth:`image` returns.
        channels: 1 (grey), 3 (RGB), 4 (RGBA), or what the set's arrays have.
        depth: bits of a number, 8 (uint8) or 16 (uint16).
        c_dim: length of :meth:`label`'s vectors; 0 when labels were not asked for.
        label_names: the names of the classes, or of the vectors' places, if the set keeps them, else None.
        has_labels: whether the set has labels, asked for or not.
        xflip: whether every picture also stands in the set mirrored.
    """

    def __init__(
        self,
        store: Store,
        members: list[Member],
        *,
        name: str,
        stored: decode.Header,
        resolution: Size,
        label_table: labels.Table | None,
        label_names: list[str] | None,
        has_labels: bool,
        xflip: bool,
    ) -> None:
        self.name = name
        self.resolution = resolution
        self.channels = stored.channels or 0
        self.depth = stored.depth
        self.c_dim = 0 if label_table is None else label_table.c_dim
        self.label_names = label_names
        self.has_labels = has_labels
        self.xflip = xflip
        self._store = store
        self._members = members
        self._stored = stored
        self._label_table = label_table
        self._cache_limit = CACHE_BYTES
        self._cache: decoded.Decoded | None = None

    def __len__(self) -> int:
        return len(self._members) * (2 if self.xflip else 1)

    def image(self, index: int) -> np.ndarray:
        """Picture ``index``, uint8 or uint16 [C, H, W], the caller's own copy.

        Raises:
            IndexError: there is no such number.
            UserError: its file cannot be decoded, or has changed since the set was opened; names it.
        """
        return self.images([index])[0]

    def images(self, indices: Sequence[int]) -> np.ndarray:
        """Pictures of these numbers, uint8 or uint16 [N, C, H, W], the caller's own copy.

        Raises:
            IndexError, UserError: as :meth:`image`.
        """
        found = np.empty((len(indices), *self._shape[1:]), self._dtype)
        for place, index in zip(found, indices, strict=True):
            pixels = self._remembered(self._number(index))
            place[...] = pixels if index < len(self._members) else pixels[:, :, ::-1]
        return found

    def label(self, index: int) -> np.ndarray:
        """Label of picture ``index``, float32 [c_dim]: a class as one-hot, a vector as it is; [0] without labels."""
        number = self._number(index)
        return np.zeros(0, dtype=np.float32) if self._label_table is None else self._label_table[number]

    @property
    def label_kind(self) -> LabelKind:
        """Whether labels in use are one-hot classes or vectors of any numbers; empty without labels."""
        if self._label_table is None:
            return ""
        return "vectors" if self._label_table.values.ndim == 2 else "classes"

    def content_hash(self) -> str:
        """SHA-256 (hexadecimal) over the pictures' names and contents and the labels in use.

        Two sets with one hash show a training the same pictures, ``size`` and ``xflip`` aside. Of a zip only the
        directory is read, with the CRC-32 of each file; a folder is read whole. The same pictures in a folder and in
        a zip therefore differ.
        """
        total = hashlib.sha256(self._store.fingerprint(self._members).encode())
        if self._label_table is not None:
            total.update(f"{self._label_table.values.dtype} {self._label_table.values.shape}".encode())
            total.update(self._label_table.values.tobytes())
        return total.hexdigest()

    def shared_cache(self) -> decoded.Shared | None:
        """A cache for several processes, empty; close it after use. None: there is no room for it."""
        return decoded.shared(self._shape, self._dtype)

    def sharing(self, cache: decoded.Shared | None) -> "ImageDataset":
        """The same set with this cache, or with none, to be sent to several processes."""
        sharing = copy.copy(self)
        sharing._cache, sharing._cache_limit = cache, 0
        return sharing

    def decode_shared(self, indices: Sequence[int]) -> bool:
        """See to it that the shared cache has these pictures; False: there is none.

        Raises:
            IndexError, UserError: as :meth:`image`.
        """
        if isinstance(self._cache, decoded.Shared):
            for index in indices:
                self._cache.picture(self._number(index), self._decoded)
        return isinstance(self._cache, decoded.Shared)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": self._cache if isinstance(self._cache, decoded.Shared) else None}

    @property
    def _shape(self) -> decoded.Shape:
        height, width = self.resolution
        return len(self._members), self.channels, height, width

    @property
    def _dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.depth == 8 else np.uint16)

    def _number(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"picture {index} of {len(self)}")
        return index % len(self._members)

    def _remembered(self, number: int) -> np.ndarray:
        if self._cache is None and decoded.room(self._shape, self._dtype) <= self._cache_limit:
            self._cache = decoded.in_memory(self._shape, self._dtype)
        return self._decoded(number) if self._cache is None else self._cache.picture(number, self._decoded)

    def _decoded(self, number: int) -> np.ndarray:
        member = self._members[number]
        try:
            with self._store.open(member) as stream:
                picture = decode.read(stream)
                header = decode.header_of(picture)
                if isinstance(picture, Image.Image):
                    picture.load()
        except Exception as error:  # a broken file makes PIL raise almost anything
            raise UserError(
                f"{printable(member.name)}: cannot be decoded ({reason(error)}); stylegans data check "
                f"{self._store.path} lists such files"
            ) from error
        if not header.is_alike(self._stored):
            raise UserError(f"{printable(member.name)}: is not what it was when the data set was opened; start again")
        if isinstance(picture, Image.Image):
            return decode.to_array(resized(picture, self.resolution))
        return arrays.resized(picture, self.resolution, resampling=_resampling(picture.shape[1:], self.resolution))


def open_dataset(
    path: str | Path,
    *,
    size: Size | None = None,
    xflip: bool = False,
    labels: bool = False,
    subset: int | None = None,
    subset_seed: int = 0,
) -> ImageDataset:
    """The data set at ``path``: a folder, a zip, or an embedded set's name (``./emoji`` is a folder of that name).

    Every picture's header is read, none is decoded. Of a subset only its own are.

    Args:
        size: (height, width) to resize to as pictures are read, in the shape they have: by box mean when smaller,
            Lanczos when larger. None: as stored.
        xflip: every picture also stands in the set mirrored, which doubles its length.
        labels: read the labels, for a conditional network.
        subset: only so many of the pictures, in the order of their names, before ``xflip`` doubles them. Labels keep
            the length they have in the whole set. None: all.
        subset_seed: which. The choice for a number of pictures and a seed never changes.

    Raises:
        MissingFile: nothing is there.
        UserError: fewer than two pictures, or than ``subset``; sizes, numbers of channels or depths differ, or a mode
            is not L, RGB or RGBA; ``size`` has another shape; ``labels`` are asked of a set that has none, or are in no
            known layout.
    """
    opened = open_pictures(path, option="--data")
    known = _known_labels(opened)
    members = members_of(opened, known)
    if len(members) < FEWEST:
        refuse_source(path, option="--data")
        raise UserError(f"--data: '{path}' holds {len(members)} pictures; a training needs at least {FEWEST}")
    chosen = _choice(len(members), subset, seed=subset_seed, path=path)
    part = [members[number] for number in chosen]
    with decode.reading_any():
        stored = _uniform(opened.store, part, path)
    if size is not None and size[0] * stored.size[1] != size[1] * stored.size[0]:
        raise UserError(
            f"--size: {format_size(size)} has another shape than the pictures of '{path}' "
            f"({format_size(stored.size)}); stylegans data build cuts them to any"
        )
    if labels and known is None:
        raise UserError(
            f"--labels: '{path}' has no labels; stylegans data build --labels folders|FILE makes a set with them"
        )
    return ImageDataset(
        opened.store,
        part,
        name=opened.name,
        stored=stored,
        resolution=size or stored.size,
        label_table=_table(known, members).rows(chosen) if labels and known is not None else None,
        label_names=None if known is None or known.class_names is None else list(known.class_names),
        has_labels=known is not None,
        xflip=xflip,
    )


def open_pictures(path: str | Path, *, option: str) -> Opened:
    """The folder or zip at ``path``, or the embedded set of that name; what only ``data build`` reads is refused.

    Raises:
        MissingFile: nothing is there; names ``option``.
        UserError: it is neither folder nor zip; of what ``data build`` reads the message has the command.
    """
    if hub.is_address(path):
        raise UserError(f"{option}: '{path}' is on the Hub; make a training set of it: {build_command(path)}")
    try:
        return open_store(path, option=option)
    except MissingFile:
        raise
    except UserError:
        refuse_source(path, option=option)
        raise


def refuse_source(path: str | Path, *, option: str) -> None:
    """Refuse a place where a training sees no pictures if ``data build`` does.

    Raises:
        UserError: it does.
    """
    try:
        count = len(sources.open_source(path).images)
    except UserError:
        return
    if count >= FEWEST:
        raise UserError(
            f"{option}: '{path}' is neither a folder nor a zip of pictures, but data build reads it; make a training "
            f"set of it: {build_command(path)}"
        )


def members_of(opened: Opened, known: labels.Labels | None) -> list[Member]:
    """The pictures that count, sorted, one per name: of zip members that share one, the last, as unpacking would leave
    it. ``known``: the labels, among which an embedded subset has only its own."""
    unique = {member.name: member for member in opened.store.members()}
    if opened.subset is not None and known is not None:
        return [member for name, member in unique.items() if name in known.by_name]
    return list(unique.values())


def _choice(count: int, subset: int | None, *, seed: int, path: str | Path) -> np.ndarray:
    """The numbers of the pictures chosen, rising. numpy's legacy generator never changes between versions."""
    if subset is None:
        return np.arange(count)
    if subset < FEWEST:
        raise UserError(f"--subset: {subset} pictures are too few; a training needs at least {FEWEST}")
    if subset > count:
        raise UserError(f"--subset: '{path}' holds {count} pictures, not {subset}; leave it out to take all")
    words = [seed >> shift & 0xFFFFFFFF for shift in (0, 32)]
    return np.sort(np.random.RandomState(words).permutation(count)[:subset])


def resized(picture: Image.Image, size: Size) -> Image.Image:
    """The picture at ``size``, which has its shape: by the mean over each pixel's area when smaller, else Lanczos."""
    height, width = size
    if (picture.height, picture.width) == size:
        return picture
    if picture.height % height == 0 and picture.width % width == 0:
        return picture.reduce((picture.width // width, picture.height // height))
    return picture.resize((width, height), _resampling((picture.height, picture.width), size))


def _resampling(before: Size, after: Size) -> Image.Resampling:
    return Image.Resampling.BOX if after[0] < before[0] else Image.Resampling.LANCZOS


def _known_labels(opened: Opened) -> labels.Labels | None:
    content = opened.store.catalogue()
    if content is None:
        return None
    return labels.parse_catalogue(content, where=CATALOGUE, subset=opened.subset)


def _table(known: labels.Labels, members: list[Member]) -> labels.Table:
    return labels.table(known, [member.name for member in members], option="--labels")


def _uniform(store: Store, members: list[Member], path: str | Path) -> decode.Header:
    """What all pictures are: of one size, number of channels and depth."""
    headers: list[decode.Header] = []
    problem = None
    for member in members:
        try:
            with store.open(member) as stream:
                header = decode.read_header(stream)
        except Exception as error:  # a broken file makes PIL raise almost anything
            problem = problem or f"{printable(member.name)} cannot be read ({reason(error)})"
            continue
        headers.append(header)
        if header.channels is None:
            problem = problem or f"{printable(member.name)} is of mode {header.mode}, not L, RGB or RGBA"
        elif not header.is_alike(headers[0]):
            problem = problem or f"{printable(member.name)} is {header}, those before it {headers[0]}"
    if problem is not None:
        mend = f"; make a training set of them: {_mend(path, headers)}" if headers else ""
        raise UserError(f"--data: in '{path}' {problem}{mend}")
    return headers[0]


def _mend(path: str | Path, headers: list[decode.Header]) -> str:
    return mend_command(path, [header.size for header in headers], depth=min(header.depth for header in headers))
