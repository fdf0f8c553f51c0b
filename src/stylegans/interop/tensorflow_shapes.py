"""What the variables of a published TensorFlow network say of its options.

A file states only the options that its author gave; the rest were defaults of a function that is not in it. Most can
be read off the shapes, and what is stated must agree with them: a false number is found before a network of that size
is built.
"""

import re
from collections.abc import Mapping
from typing import Any

from stylegans.errors import UserError
from stylegans.interop import tensorflow_layout as layout

Shapes = Mapping[str, tuple[int, ...]]
"""Variable → shape, those of a generator's components behind ``G_mapping/`` and ``G_synthesis/``."""

Options = dict[str, Any]

LABEL_CONCAT = "G_mapping/LabelConcat/weight"
"""What StyleGAN and StyleGAN2 make of a label, to stand behind the latent."""


def completed(stated: Mapping[str, Any], found: Mapping[str, Any]) -> Options:
    """The stated options and those that the variables tell. Nothing stated (None) is whatever they tell.

    Raises:
        UserError: they differ.
    """
    for name, value in found.items():
        if stated.get(name) is not None and stated[name] != value:
            raise UserError(f"{name}: {stated[name]!r} is stated, but the variables are those of {value!r}")
    return {**stated, **found}


# --- the networks ---------------------------------------------------------------------------------------------------


def progan_generator(shapes: Shapes, stated: Mapping[str, Any]) -> Options:
    """Of ``G_paper``. Labels stand behind the latent, so that how many there are must be stated."""
    found = _picture(shapes) | _fmaps(_generator_widths(shapes), stated, fmap_base=8192)
    labels = _number(stated, "label_size", 0)
    return found | {"latent_size": _side(shapes, "4x4/Dense/weight", 0, of=2) - labels}


def stylegan_generator(shapes: Shapes, stated: Mapping[str, Any]) -> Options:
    """Of ``G_style``: the size of everything, and which of the paper's steps it takes."""
    synthesis = _synthesis(shapes)
    return (
        _picture(synthesis)
        | _fmaps(_generator_widths(synthesis), stated, fmap_base=8192)
        | _mapping(shapes, embedding=LABEL_CONCAT)
        | {
            "const_input_layer": "4x4/Const/const" in synthesis,
            "use_styles": _count(r".*/StyleMod/weight", synthesis) > 0,
            "use_noise": "noise0" in synthesis,
        }
    )


def stylegan2_generator(shapes: Shapes, stated: Mapping[str, Any], *, embedding: str = LABEL_CONCAT) -> Options:
    """Of ``G_main``: the size of everything, and how its levels are wired to the picture."""
    synthesis = _synthesis(shapes)
    return (
        _picture(synthesis)
        | _fmaps(_generator_widths(synthesis), stated, fmap_base=16384)
        | _mapping(shapes, embedding=embedding)
        | _wiring(synthesis, "ToRGB")
        | {"use_noise": "noise0" in synthesis}
    )


def growing_discriminator(shapes: Shapes, stated: Mapping[str, Any]) -> Options:
    """Of ``D_paper`` and ``D_basic``, whose first dense layer is as wide as a level below the base grid would be."""
    widths = _discriminator_widths(shapes) | {2: _side(shapes, "4x4/Dense0/bias", 0, of=1)}
    return (
        _picture(shapes)
        | _fmaps(widths, stated, fmap_base=8192)
        | _statistic(shapes, stated)
        | _scores(shapes, "4x4/Dense1/bias", stated)
    )


def stylegan2_discriminator(shapes: Shapes, stated: Mapping[str, Any]) -> Options:
    """Of ``D_stylegan2`` and ``D_stylegan``."""
    return _discriminator(shapes, stated) | _scores(shapes, "Output/bias", stated)


def ada_generator(shapes: Shapes, stated: Mapping[str, Any]) -> Options:
    """Of StyleGAN2-ADA's ``G_main``."""
    embedding = "G_mapping/LabelEmbed/weight"
    found = stylegan2_generator(shapes, stated, embedding=embedding)
    return found | ({"label_fmaps": _side(shapes, embedding, 1, of=2)} if embedding in shapes else {})


def ada_discriminator(shapes: Shapes, stated: Mapping[str, Any]) -> Options:
    """Of StyleGAN2-ADA's, whose label mapping is as wide as the projection throughout."""
    found = _discriminator(shapes, stated)
    if "LabelEmbed/weight" not in shapes:
        return found | {"label_size": 0}
    return found | {
        "label_size": _side(shapes, "LabelEmbed/weight", 0, of=2),
        "mapping_layers": _count(r"Mapping\d+/weight", shapes),
        "mapping_fmaps": _side(shapes, "Output/bias", 0, of=1),
    }


# --- their parts ----------------------------------------------------------------------------------------------------


def _discriminator(shapes: Shapes, stated: Mapping[str, Any]) -> Options:
    """Of a StyleGAN2 discriminator: all but what it does with labels."""
    return (
        _picture(shapes)
        | _fmaps(_discriminator_widths(shapes), stated, fmap_base=16384)
        | _statistic(shapes, stated)
        | _wiring(shapes, "FromRGB")
    )


def _picture(shapes: Shapes) -> Options:
    """How large its pictures are, in pixels and channels."""
    sizes = sorted({4 << level for name in shapes if (level := layout.level_of(name.partition("/")[0])) is not None})
    if not sizes or sizes != [4 << level for level in range(len(sizes))]:
        raise UserError("variables: those of a level are missing; there should be 4x4/…, 8x8/… and so on")
    for name in shapes:
        if match := re.fullmatch(r"(?:.*/)?(To|From)RGB(?:_lod\d+)?/weight", name):
            channels_of_picture = _side(shapes, name, 3 if match[1] == "To" else 2, of=4)
            return {"resolution": sizes[-1], "num_channels": channels_of_picture}
    raise UserError("variables: no ToRGB or FromRGB among them")


def _generator_widths(shapes: Shapes) -> dict[int, int]:
    return _widths(shapes, r"(?:4x4/Conv|(?!4x4/)\d+x\d+/Conv1)/bias")


def _discriminator_widths(shapes: Shapes) -> dict[int, int]:
    return _widths(shapes, r"(?:4x4/Conv|(?!4x4/)\d+x\d+/Conv0)/bias")


def _widths(shapes: Shapes, biases: str) -> dict[int, int]:
    """Size of a level → its feature maps, from the biases with names like these."""
    return {
        4 << level: _side(shapes, name, 0, of=1)
        for name in shapes
        if re.fullmatch(biases, name) and (level := layout.level_of(name.partition("/")[0])) is not None
    }


def _fmaps(widths: Mapping[int, int], stated: Mapping[str, Any], *, fmap_base: int) -> Options:
    """What gives these widths: the stated numbers, else the published function's, else the smallest that do."""
    if not widths:
        raise UserError("variables: no convolution among them")
    for defaults in (
        {"fmap_base": fmap_base, "fmap_max": 512},
        {"fmap_base": max(size * width for size, width in widths.items()) // 2, "fmap_max": max(widths.values())},
    ):
        options = {name: _number(stated, name, default) for name, default in defaults.items()}
        channel_base = 2 * options["fmap_base"]
        if all(min(channel_base // size, options["fmap_max"]) == width for size, width in widths.items()):
            return options
    raise UserError(
        f"fmap_base, fmap_max: {options['fmap_base']} and {options['fmap_max']} do not give the feature maps of the "
        f"variables, which are {', '.join(f'{width} at {size}x{size}' for size, width in sorted(widths.items()))}"
    )


def _mapping(shapes: Shapes, *, embedding: str) -> Options:
    """Of a mapping network: how long, how wide, and what goes in."""
    depth = _count(r"G_mapping/Dense\d+/weight", shapes)
    labelled = embedding in shapes
    width = _side(shapes, embedding, 1, of=2) if labelled else 0
    found: Options = {
        "mapping_layers": depth,
        "label_size": _side(shapes, embedding, 0, of=2) if labelled else 0,
    }
    if depth:
        found["latent_size"] = _side(shapes, "G_mapping/Dense0/weight", 0, of=2) - width
        found["dlatent_size"] = _side(shapes, f"G_mapping/Dense{depth - 1}/weight", 1, of=2)
    elif "dlatent_avg" in shapes:
        found["latent_size"] = _side(shapes, "dlatent_avg", 0, of=1) - width
    if depth > 1:
        found["mapping_fmaps"] = _side(shapes, "G_mapping/Dense0/weight", 1, of=2)
    return found


def _wiring(shapes: Shapes, layer: str) -> Options:
    """How the levels of a StyleGAN2 network are wired to the picture. A growing one does not say it by an option."""
    drawing = _count(rf".*/{layer}/weight", shapes)
    if not drawing or not _count(r"8x8/.*", shapes):
        return {}  # it grows, or has one level
    resnet = _count(r".*/Skip/weight", shapes) > 0
    return {"architecture": "resnet" if resnet else "skip" if drawing > 1 else "orig"}


def _statistic(shapes: Shapes, stated: Mapping[str, Any]) -> Options:
    """The channels that minibatch standard deviation adds; none where it is said so or a group is one sample."""
    added = _side(shapes, "4x4/Conv/weight", 2, of=4) - _side(shapes, "4x4/Conv/weight", 3, of=4)
    if added or _number(stated, "mbstd_num_features", 1) == 0:
        return {"mbstd_num_features": added}
    return {"mbstd_group_size": min(1, _number(stated, "mbstd_group_size", 0))}


def _scores(shapes: Shapes, bias: str, stated: Mapping[str, Any]) -> Options:
    """A score per class; one score is that of one class or of none."""
    count = _side(shapes, bias, 0, of=1)
    unlabelled = count == 1 and _number(stated, "label_size", 0) == 0
    return {"label_size": 0 if unlabelled else count}


def _synthesis(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    prefix = "G_synthesis/"
    return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}


def _side(shapes: Shapes, name: str, axis: int, *, of: int) -> int:
    """One side of a variable that has ``of`` of them."""
    if name not in shapes:
        raise UserError(f"variables: '{name}' is missing")
    if len(shapes[name]) != of:
        raise UserError(f"'{name}': its shape {list(shapes[name])} should have {of} sides")
    return shapes[name][axis]


def _number(stated: Mapping[str, Any], name: str, default: int) -> int:
    """A whole number among the options, or ``default`` where none is stated."""
    value = stated.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 0:
        raise UserError(f"{name}: {value!r} is not a whole number")
    return int(value)


def _count(pattern: str, shapes: Shapes) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in shapes)
