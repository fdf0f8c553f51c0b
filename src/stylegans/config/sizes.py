"""Which picture sizes a pyramid can make, and how wide each of its levels is.

A generator starts from a base grid and doubles it. The published networks start from 4×4; any small grid
works: 640×384 starts 5 wide and 3 high, 28×28 starts from 7×7.
"""

import math

from stylegans.errors import UserError

Size = tuple[int, int]
"""(height, width), in pixels."""

SMALLEST_BASE = 3
LARGEST_BASE = 16


def halvings(size: Size) -> Size:
    """The base grid of ``size``: both sides halved while they stay whole and the shorter stays at least 3."""
    height, width = size
    while height % 2 == 0 and width % 2 == 0 and min(height, width) // 2 >= SMALLEST_BASE:
        height, width = height // 2, width // 2
    return height, width


def is_good(size: Size) -> bool:
    """Whether a pyramid can make pictures of ``size``: its base grid is small enough to start from."""
    return min(size) >= SMALLEST_BASE and max(halvings(size)) <= LARGEST_BASE


def nearest_good(size: Size) -> tuple[Size | None, Size]:
    """The good sizes nearest to ``size``: the largest that fits inside it and the smallest that holds it.

    Both keep the number of pixels they remove or add as small as they can.
    """
    height, width = size
    reach = 2 * max(LARGEST_BASE, max(size) // 8)

    def candidates(step: int) -> list[Size]:
        return [
            (h, w)
            for h in range(height, height + step * reach, step)
            for w in range(width, width + step * reach, step)
            if h > 0 and w > 0 and is_good((h, w))
        ]

    smaller = max(candidates(-1), key=lambda s: s[0] * s[1], default=None)
    larger = min(candidates(+1), key=lambda s: s[0] * s[1], default=None)
    if larger is None:  # a strip so thin that no neighbour of it is good: grow the short side
        side = max(size)
        larger = (2 ** math.ceil(math.log2(side)),) * 2
    return smaller, larger


def base_grid(size: Size, *, option: str = "--size") -> Size:
    """The base grid (height, width) that ``size`` is doubled up from.

    Raises:
        UserError: a side of the base would exceed 16; the message names the two nearest good sizes.
    """
    if is_good(size):
        return halvings(size)
    smaller, larger = nearest_good(size)
    names = " or ".join(format_size(s) for s in (smaller, larger) if s is not None)
    raise UserError(
        f"{option}: {format_size(size)} does not halve down to a grid of {SMALLEST_BASE} to {LARGEST_BASE} a side; "
        f"the nearest sizes that do are {names}"
    )


def levels(base: Size, resolution: Size) -> int:
    """How many grids there are from ``base`` to ``resolution``, both counted (4² to 1024²: 9)."""
    steps = round(math.log2(resolution[0] / base[0])) if min(*base, *resolution) > 0 else -1
    if steps < 0 or (base[0] << steps, base[1] << steps) != tuple(resolution):
        raise UserError(
            f"resolution: {format_size(resolution)} is not {format_size(base)} doubled a whole number of times"
        )
    return steps + 1


def nominal_resolution(base: Size, level: int) -> int:
    """The power of two that stands for the grid at ``level`` in the papers' formulas (4·2^level from 4×4)."""
    return 2 ** (round(math.log2(math.sqrt(base[0] * base[1]))) + level)


def channels(base: Size, level: int, *, channel_base: int, channel_max: int) -> int:
    """Feature maps at ``level``: C(r) = min(channel_base / r, channel_max)."""
    return max(1, min(channel_base // nominal_resolution(base, level), channel_max))


def group_size(n: int, group: int | None) -> int:
    """How many of ``n`` samples form a group: ``group``, or the next smaller number that divides them."""
    size = n if group is None else min(group, n)
    while n % size:
        size -= 1
    return size


def parse_size(text: str, *, option: str = "--size") -> Size:
    """'256' → (256, 256); '640x384' (width x height, as people write it) → (384, 640)."""
    parts = text.lower().replace("×", "x").split("x")
    try:
        numbers = [int(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        raise UserError(f"{option}: '{text}' is not a size; write 256 or 640x384 (width x height)")
    return (numbers[0], numbers[0]) if len(numbers) == 1 else (numbers[1], numbers[0])


def format_size(size: Size) -> str:
    """(384, 640) → '640x384': width x height, as people write it."""
    return f"{size[1]}x{size[0]}"
