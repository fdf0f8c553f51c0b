"""Point dragging: what is at a handle moves to its target (DragGAN: Pan et al. 2023, arXiv 2305.10973, section 3.2).

Step after step the ws of the first layers are moved so that the features around each handle shift a little towards its
target (motion supervision, equation 1), and the handle is found again where the features are most like its first ones
(point tracking, equation 2). What a mask fixes is held to the features it had.

Of the paper's feature maps, resized to the picture, single places are read by bilinear interpolation instead: the same
numbers at every pixel, without maps of the picture's size. Both terms of the loss are means, over channels and over a
handle's surroundings or the whole map, so that their balance λ is the same for every size of model.

Points are (x, y) in pixels of the picture, x to the right and y downwards; the middle of the first pixel is (0, 0).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegans.config.sizes import Size
from stylegans.errors import UserError
from stylegans.networks.protocol import Generator, device_of
from stylegans.tools import noise_maps
from stylegans.tools.feature_maps import recording

Point = tuple[float, float]
"""(x, y)."""

STEPS = 300
"""At most: the paper's edits take 30 to 200."""

RATE = 2e-3
"""Adam's learning rate, the paper's for faces, cats and cars; 1e-3 for its other models."""

MASK_WEIGHT = 20.0
"""λ of equation 1, the paper's. A small model may hardly move with it: 5 or less lets it."""

MOTION_RADIUS, TRACKING_RADIUS = 3, 12
"""r₁ and r₂ of the paper, in pixels, for pictures of 256² and more."""

LAYERS = 6
"""The ws that are moved: they shape things, the later ones colour them."""

LARGEST_GRID = 256
"""The side of the paper's feature maps, of pictures of 512² and 1024²."""

MANY = 5
"""So many handles should come within 1 pixel of their targets; where there are more, 2 are enough."""


@dataclass(frozen=True)
class Settings:
    """How a drag is done; see ``default_settings``."""

    layers: int
    """The first so many ws are moved."""
    grid: int
    """The larger side of the feature maps that are looked at; of several layers of it, the last."""
    motion_radius: int
    """r₁: what is around a handle, nearer than this, is moved with it. In pixels of the picture."""
    tracking_radius: int
    """r₂: a handle is looked for nearer than this, to the left, right, top and bottom, of where it was."""
    steps: int = STEPS
    rate: float = RATE
    mask_weight: float = MASK_WEIGHT


@dataclass(frozen=True)
class Step:
    """A drag after so many steps."""

    number: int
    """From 0, the start."""
    ws: Tensor
    """[1, num_ws, w_dim]."""
    points: tuple[Point, ...]
    """Where the handles are."""
    image: Tensor
    """[1, C, H, W], of ``ws``."""
    loss: float
    """Of motion and mask together, before the next step."""
    distance: float
    """Of the handle farthest from its target, in pixels."""
    arrived: bool
    """Whether all handles are near their targets."""


@dataclass(frozen=True)
class Start:
    """What a drag goes by, from its first picture."""

    marks: Tensor
    """The features of each handle, [P, C]."""
    features: Tensor
    """All of them, [1, C, h, w]."""
    fixed: Tensor | None
    """How far each place is fixed, 0…1, [1, 1, h, w]; None: everything may change."""


def default_settings(G: Generator) -> Settings:
    """What suits a model; ``dataclasses.replace`` changes it.

    The paper's values for pictures of 512² and 1024²: 6 ws (all, where there are fewer), features of 256², radii of 3
    and 12. Smaller models take the last features of at most half the picture's side, and below 256² smaller radii, in
    proportion, but at least 2 and 3.

    Raises:
        UserError: the model has no feature maps.
    """
    with torch.no_grad(), recording(G) as maps:
        G.synthesis(torch.zeros(1, G.num_ws, G.w_dim, device=device_of(G)))
    sides = {max(features.shape[2:]) for _, features in maps}
    if not sides:
        raise UserError("this model has no feature maps between its layers, so nothing in its pictures can be dragged")
    side = max(G.img_resolution)
    scale = min(1.0, side / 256)
    return Settings(
        layers=min(LAYERS, G.num_ws),
        grid=max((grid for grid in sides if grid <= min(LARGEST_GRID, side // 2)), default=min(sides)),
        motion_radius=max(2, round(MOTION_RADIUS * scale)),
        tracking_radius=max(3, round(TRACKING_RADIUS * scale)),
    )


def drag(
    G: Generator,
    ws: Tensor,
    handles: Sequence[Point],
    targets: Sequence[Point],
    *,
    mask: Tensor | None = None,
    noise: Mapping[str, Tensor] | None = None,
    settings: Settings | None = None,
) -> Iterator[Step]:
    """Drag the ``handles`` to their ``targets``: a ``Step`` at a time, the start first.

    It ends when all handles are within 1 pixel of their targets (2, of more than five), or after ``settings.steps``.
    The same arguments give the same steps on a CPU. The model stays as it is.

    Args:
        ws: of the picture, [1, num_ws, w_dim].
        handles, targets: as many of each, inside the picture.
        mask: [H, W]: where it is 1 (or True) the picture may change, where it is 0 it should stay; None: everything
            may change.
        noise: the noise inputs' maps, as a projection gives them; None: the model's own.
        settings: None: ``default_settings``.

    Raises:
        UserError: the model has no feature maps, or an option makes no sense for it or its picture.
    """
    settings = settings or default_settings(G)
    check(G, ws, handles, targets, mask=mask, settings=settings)
    maps = dict(noise or {})
    with torch.no_grad():
        _, features = _draw(G, ws, maps, settings.grid)
        points, goal = (torch.tensor(some, dtype=torch.float32, device=ws.device) for some in (handles, targets))
        marks = at_points(features, points, G.img_resolution)
        start = Start(marks, features, None if mask is None else _fixed(mask, features))
    return _drag(G, ws.detach(), points, goal, start, maps, settings)


def check(
    G: Generator,
    ws: Tensor,
    handles: Sequence[Point],
    targets: Sequence[Point],
    *,
    mask: Tensor | None,
    settings: Settings,
) -> None:
    """
    Raises:
        UserError: as ``drag``.
    """
    height, width = G.img_resolution
    if tuple(ws.shape) != (1, G.num_ws, G.w_dim):
        raise UserError(f"ws: expected [1, {G.num_ws}, {G.w_dim}], found {list(ws.shape)}")
    if not handles or len(handles) != len(targets):
        raise UserError(f"handles: {len(handles)} for {len(targets)} targets; give one or more, and a target for each")
    for name, points in (("handles", handles), ("targets", targets)):
        for x, y in points:
            if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
                raise UserError(
                    f"{name}: {x:g},{y:g} is outside the picture; x goes from 0 to {width - 1}, y to {height - 1}"
                )
    if mask is not None and tuple(mask.shape) != (height, width):
        raise UserError(f"mask: expected [{height}, {width}] as the picture, found {list(mask.shape)}")
    if not 1 <= settings.layers <= G.num_ws:
        raise UserError(f"layers: {settings.layers} is not from 1 to {G.num_ws}, the ws of this model")
    for name in ("steps", "rate", "motion_radius", "tracking_radius"):
        value = getattr(settings, name)
        if not (math.isfinite(value) and value > 0):
            raise UserError(f"{name}: {value} should be above 0")
    if not (math.isfinite(settings.mask_weight) and settings.mask_weight >= 0):
        raise UserError(f"mask_weight: {settings.mask_weight} should be 0 or more; {MASK_WEIGHT:g} is the paper's")


def _drag(
    G: Generator, ws: Tensor, points: Tensor, goal: Tensor, start: Start, maps: noise_maps.Maps, settings: Settings
) -> Iterator[Step]:
    head, tail = ws[:, : settings.layers].clone().requires_grad_(), ws[:, settings.layers :]
    optimizer = torch.optim.Adam([head], lr=settings.rate)
    size, near = G.img_resolution, 1.0 if len(points) <= MANY else 2.0
    for number in range(settings.steps + 1):
        with torch.enable_grad():  # here, not around the yield: it would reach into the caller's code
            image, features = _draw(G, torch.cat([head, tail], dim=1), maps, settings.grid)
            if number:
                points = track(features, start.marks, points, radius=settings.tracking_radius, resolution=size)
            loss = motion_loss(features, features, points, goal, radius=settings.motion_radius, resolution=size)
            if start.fixed is not None:
                loss = loss + settings.mask_weight * mask_loss(features, start.features, start.fixed)
        distance = float((goal - points).norm(dim=1).max())
        arrived = distance <= near
        moved = torch.cat([head.detach(), tail], dim=1)
        places = tuple((float(x), float(y)) for x, y in points)
        yield Step(number, moved, places, image.detach().float(), float(loss.detach()), distance, arrived)
        if arrived or number == settings.steps:
            return
        (head.grad,) = torch.autograd.grad(loss, head)
        optimizer.step()


# --- the two losses and the tracking ----------------------------------------------------------------------------------


def motion_loss(
    features: Tensor, before: Tensor, points: Tensor, targets: Tensor, *, radius: int, resolution: Size
) -> Tensor:
    """Σᵢ |F(q + dᵢ) − F'(q)|, the mean over channels and the places q nearer than ``radius`` to point i (equation 1).

    dᵢ leads one pixel from point i towards its target; where it is nearer than that, straight to it.

    Args:
        features, before: F and F', [1, C, h, w]; no gradient flows through the second. In the paper both are the same.
        points, targets: [P, 2].
    """
    away = targets - points
    shift = away / away.norm(dim=1, keepdim=True).clamp(min=1)
    disc = _offsets(radius).to(points)
    disc = disc[disc.norm(dim=1) < radius]
    around = points[:, None] + disc  # [P, K, 2]
    then = at_points(before.detach(), around.flatten(0, 1), resolution)
    now = at_points(features, (around + shift[:, None]).flatten(0, 1), resolution)
    return (now - then).abs().mean() * len(points)


def mask_loss(features: Tensor, first: Tensor, fixed: Tensor) -> Tensor:
    """|(F − F₀) · (1 − M)|, the mean over channels and all places (equation 1).

    Args:
        fixed: 1 − M, 0…1, [1, 1, h, w].
    """
    return ((features - first) * fixed).abs().mean()


@torch.no_grad()
def track(features: Tensor, marks: Tensor, points: Tensor, *, radius: int, resolution: Size) -> Tensor:
    """Where the handles are now: the pixels around whose features [1, C, h, w] are nearest to ``marks`` (equation 2).

    Looked for in the square of pixels nearer than ``radius`` to each of ``points`` [P, 2]; the distance is L1. Of
    equals the nearest to the old place.
    """
    height, width = resolution
    around = points[:, None] + _offsets(radius).to(points)  # [P, K, 2]
    distances = at_points(features, around.flatten(0, 1), resolution).unflatten(0, around.shape[:2]) - marks[:, None]
    last = points.new_tensor([width - 1, height - 1])
    outside = ((around < 0) | (around > last)).any(dim=2)
    nearest = distances.abs().sum(dim=2).masked_fill(outside, math.inf).argmin(dim=1)
    return around[torch.arange(len(points), device=points.device), nearest]


def at_points(features: Tensor, points: Tensor, resolution: Size) -> Tensor:
    """Features [1, C, h, w] at points [P, 2] of a picture of this size → [P, C], bilinear between places.

    Beyond the edge they are those of the edge.
    """
    height, width = resolution
    places = (2 * points + 1) / points.new_tensor([width, height]) - 1  # -1 and 1 are the outer edges of the picture
    return F.grid_sample(features, places[None, None], align_corners=False, padding_mode="border")[0, :, 0].T


def _offsets(radius: int) -> Tensor:
    """All (x, y) of whole numbers of size below ``radius``, [K, 2], the nearest to 0 first."""
    line = torch.arange(1 - radius, radius)
    square = torch.cartesian_prod(line, line)
    return square[square.square().sum(dim=1).argsort(stable=True)]


def _fixed(mask: Tensor, features: Tensor) -> Tensor:
    """How far each place of the features is fixed."""
    return F.adaptive_avg_pool2d(1 - mask.to(features)[None, None], (features.shape[2], features.shape[3]))


def _draw(G: Generator, ws: Tensor, maps: noise_maps.Maps, grid: int) -> tuple[Tensor, Tensor]:
    """The picture of ws, and its last feature maps [1, C, h, w] whose larger side is ``grid``.

    Raises:
        UserError: there are none.
    """
    with recording(G) as recorded:
        image = noise_maps.synthesise(G, ws, maps)
    sides = [max(features.shape[2:]) for _, features in recorded]
    if grid not in sides:
        there = ", ".join(map(str, dict.fromkeys(sides))) or "nowhere"
        raise UserError(f"grid: {grid} is not where this model has feature maps; they are at {there}")
    return image, next(features for _, features in reversed(recorded) if max(features.shape[2:]) == grid)
