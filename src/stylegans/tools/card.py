"""A model card: the page of a model on the Hugging Face Hub, ``README.md`` with YAML in front.

What is told is handed in; nothing here reads a file or draws a picture. Words that came with a model are shown as
plain text, whatever they hold.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stylegans.interop.foreign import CREATIVE_COMMONS, NVIDIA

SAMPLES, MIXING, LICENCE = "samples.png", "style-mixing.png", "LICENSE"
"""Files that the card refers to."""

PAPERS = {
    "gan": ("GAN", "Goodfellow et al. 2014", "1406.2661"),
    "dcgan": ("DCGAN", "Radford et al. 2016", "1511.06434"),
    "resnet": ("residual GAN", "Gulrajani et al. 2017", "1704.00028"),
    "progan": ("Progressive GAN", "Karras et al. 2018", "1710.10196"),
    "stylegan": ("StyleGAN", "Karras et al. 2019", "1812.04948"),
    "stylegan2": ("StyleGAN2", "Karras et al. 2020", "1912.04958"),
    "stylegan3": ("StyleGAN3", "Karras et al. 2021", "2106.12423"),
}
"""Family → its name, who described it, and where (arXiv)."""

NVIDIA_LINK = "https://github.com/NVlabs/stylegan3/blob/main/LICENSE.txt"

IDENTIFIERS = (
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "mpl-2.0", "unlicense", "zlib", "wtfpl",
    "gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "agpl-3.0",
    "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0",
    "openrail", "openrail++", "creativeml-openrail-m", "bigscience-openrail-m", "artistic-2.0", "ofl-1.1", "gfdl",
)  # fmt: skip
"""Licences that the Hub knows by name; another is 'other', with a name and a link."""


@dataclass(frozen=True)
class Measured:
    """A number, or several of one metric, and what they mean."""

    metric: str
    values: Mapping[str, float]
    real: Mapping[str, float]
    """The same of real pictures, where it is known."""
    intervals: Mapping[str, tuple[float, float]]
    num_generated: int
    num_real: int | None
    """0: no real picture was looked at; None: not known."""
    data: str
    """The set that it was compared with."""
    protocol: str
    """What the metric is, which network saw the pictures, and which pictures they were: in words."""


@dataclass(frozen=True)
class Card:
    """What is told of a model."""

    address: str
    """hf://user/repo, as the reader will write it"""
    family: str
    resolution: tuple[int, int]
    """(height, width)."""
    channels: int
    latents: tuple[int, int, int]
    """z_dim, w_dim and num_ws."""
    labels: int
    """How many classes, or numbers in a label vector; 0: none."""
    labels_are_vectors: bool
    parameters: int
    """Of the generator."""
    parts: Sequence[str]
    data: str
    """Name of the data set; empty: not known."""
    kimg: float | None
    """Thousands of pictures that the training had seen; None: not known."""
    preset: str
    licence: str
    """A note, or one of the Hub's identifiers; empty: not said."""
    samples: str
    """What the grid of samples shows: one sentence."""
    mixing: str
    """What the style-mixing picture shows: one sentence; empty: there is none."""
    measured: Sequence[Measured]


def render(card: Card) -> str:
    """The card as Markdown, with YAML in front."""
    name = card.address.partition("@")[0].rpartition("/")[2]
    sections = [
        _front(card),
        f"# {name}",
        _opening(card),
        f"![Samples]({SAMPLES})\n\n{_plain(card.samples)}",
        f"## Use\n\n{_usage(card)}",
        f"## The model\n\n{_facts(card)}",
    ]
    if card.mixing:
        sections.append(f"## Style mixing\n\n![Style mixing]({MIXING})\n\n{_plain(card.mixing)}")
    if card.measured:
        sections.append(f"## Measurements\n\n{_measurements(card.measured)}")
    sections.append(f"## Licence\n\n{_licence(card.licence)}")
    return "\n\n".join(sections) + "\n"


def licence_fields(note: str) -> dict[str, str]:
    """What the YAML says of a licence: the Hub's identifier, or 'other' with a name and a link; nothing of none.

    The link is an address in the note, or else the file ``LICENSE`` beside the card.
    """
    if not note:
        return {}
    identifier = "-".join(note.lower().split())
    if identifier in IDENTIFIERS:
        return {"license": identifier}
    if note == CREATIVE_COMMONS:
        return {"license": "cc-by-nc-4.0"}
    if note == NVIDIA:
        return {"license": "other", "license_name": "nvidia-source-code-license", "license_link": NVIDIA_LINK}
    address = re.search(r"https?://[^\s<>\"')\]]+[^\s<>\"')\].,;]", note)
    words = re.sub(r"https?://\S+", " ", note)
    name = "-".join(re.findall(r"[a-z0-9.]+", re.split(r"[:;,(\n]", words)[0].lower()))[:60].strip("-.")
    return {"license": "other", "license_name": name or "other", "license_link": address[0] if address else LICENCE}


def _front(card: Card) -> str:
    """The YAML; its values are written as JSON, which is YAML too."""
    fields: dict[str, object] = {
        "library_name": "stylegans",
        "pipeline_tag": "unconditional-image-generation",
        "tags": list(dict.fromkeys(["stylegans", card.family, "gan", "image-generation"])),
        **licence_fields(card.licence),
    }
    if re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", card.data, re.ASCII):
        fields["datasets"] = [card.data]
    lines = (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    return "\n".join(["---", *lines, "---"])


def _opening(card: Card) -> str:
    what, who, where = PAPERS.get(card.family, (card.family, "", ""))
    paper = f" ([{who}](https://arxiv.org/abs/{where}))" if who else ""
    height, width = card.resolution
    trained = f", trained on `{_plain(card.data)}`" if card.data else ""
    article = "An" if what[0] in "AEIO" else "A"
    return f"{article} {what}{paper} that draws pictures of {width}×{height} pixels{trained}."


def _usage(card: Card) -> str:
    height, width = card.resolution
    if card.labels:
        vectors = "torch.full((4, G.c_dim), 0.5)  # one label vector for each picture"
        classes = "torch.eye(G.c_dim)[[0, 0, 0, 0]]  # class 0, four times"
        draw = f"c = {vectors if card.labels_are_vectors else classes}\nimages = G(z, c)"
        option = f" --class {','.join(['0.5'] * card.labels)}" if card.labels_are_vectors else " --class 0"
    else:
        draw, option = "images = G(z)", ""
    return (
        "```bash\n"
        "pip install 'stylegans[hub]'\n"
        f"stylegans generate {card.address} --seeds 0-15{option} --out pictures\n"
        "```\n\n"
        "```python\n"
        "import stylegans\n"
        "import torch\n\n"
        f'G = stylegans.load("{card.address}")\n'
        "z = torch.randn(4, G.z_dim)\n"
        f"{draw}  # [4, {card.channels}, {height}, {width}], about [-1, 1]\n"
        "```"
    )


def _facts(card: Card) -> str:
    height, width = card.resolution
    z_dim, w_dim, num_ws = card.latents
    colours = {1: "grey", 3: "RGB", 4: "RGBA"}.get(card.channels, f"{card.channels} channels")
    kind = f"vectors of {card.labels} numbers" if card.labels_are_vectors else f"{card.labels} classes"
    rows = {
        "family": f"`{_plain(card.family)}`",
        "pictures": f"{width}×{height}, {colours}",
        "latents": f"z {z_dim}, w {w_dim}" + f", {num_ws} layers of styles" * (num_ws > 1),
        "labels": kind if card.labels else "none",
        "parameters of the generator": f"{card.parameters:,}",
        "parts in the file": ", ".join(f"`{_plain(part)}`" for part in card.parts),
        "data": f"`{_plain(card.data)}`" if card.data else "not said",
        "training": "not said" if card.kimg is None else f"{card.kimg:g} thousand pictures shown",
    }
    if card.preset:
        rows["preset"] = f"`{_plain(card.preset)}`"
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _measurements(measured: Sequence[Measured]) -> str:
    with_intervals = any(one.intervals for one in measured)
    columns = ["metric", "value", *["95 %"] * with_intervals, "real", "pictures", "against"]
    lines = [f"| {' | '.join(columns)} |", f"|---|{'---:|' * (len(columns) - 2)}---|"]
    for one in measured:
        for name, value in one.values.items():
            interval = "{:.4g} … {:.4g}".format(*one.intervals[name]) if name in one.intervals else ""
            real = f"{one.real[name]:.4g}" if name in one.real else ""
            counts = f"{one.num_generated}" + f" / {one.num_real}" * bool(one.num_real)
            against = f"`{_plain(one.data)}`" if one.data else ""
            row = [f"`{_plain(name)}`", f"{value:.4g}", *[interval] * with_intervals, real, counts, against]
            lines.append(f"| {' | '.join(row)} |")
    notes = [f"- `{_plain(one.metric)}`: {_plain(one.protocol)}" for one in measured]
    meaning = "Pictures: generated / real."
    if any(one.real for one in measured):
        meaning += " Real: what real pictures get, half of them against the other half, or among themselves."
    return "\n".join([*lines, "", meaning, "", *notes])


def _licence(note: str) -> str:
    if not note:
        return "None is stated for this model. Without one, others may not use it beyond what the law allows anyway."
    fields = licence_fields(note)
    more = f" See [{fields['license_name']}]({fields['license_link']})." if "license_link" in fields else ""
    return f"{_plain(note).rstrip('.')}.{more}"


def _plain(text: str) -> str:
    """On one line, and without what Markdown or HTML would take for its own."""
    line = " ".join(text.split())
    return re.sub(r"[`*\[\]]", "", line).replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
