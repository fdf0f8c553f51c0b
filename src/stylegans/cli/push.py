"""``stylegans push MODEL hf://user/repo``: upload with a card."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from stylegans.cli.parse import parse


@dataclass(frozen=True)
class Push:
    """A model to the Hugging Face Hub, as model.safetensors, with its config and a card: samples, style mixing,
    measurements, licence. Another program's checkpoint is converted. Log in first: hf auth login."""

    model: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl of NVIDIA's
    or a .pt of rosinality's"""
    repo: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="hf://USER/REPO")]
    """the repository; it is made if there is none, and its card is replaced if there is one"""
    private: bool = False
    """make a private repository"""
    revision: str | None = None
    """the branch to commit to, made if there is none"""
    message: str = ""
    """the commit's message"""
    dry_run: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """upload nothing; write what would be uploaded to this new folder"""
    seeds: str = "0-15"
    """the card's samples: numbers and ranges"""
    truncation: float = 1.0
    """of the card's pictures: below 1 likelier pictures, more alike"""
    label: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """of the card's pictures, for a model with classes; or the label's numbers, like 0,1,1,0; else each seed draws its
    own class"""
    licence: str = ""
    """of a model that says none: a name that the Hub knows, like apache-2.0, or any text"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps"""


def main(argv: list[str]) -> int:
    """``stylegans push``."""
    options = parse(Push, argv, prog="stylegans push")

    from stylegans.interop import hub

    address = hub.destination(options.repo, options.revision)
    if options.dry_run is None:
        hub.check_upload(address)

    from stylegans.runs import machine
    from stylegans.tools.generate import parse_seeds
    from stylegans.tools.push import prepare, push

    seeds = tuple(dict.fromkeys(parse_seeds(options.seeds)))
    machine.tune_allocator()
    device = machine.choose_device(options.device)
    if options.dry_run is not None:
        names = prepare(
            options.model,
            address,
            options.dry_run,
            seeds=seeds,
            truncation=options.truncation,
            label=options.label,
            licence=options.licence,
            device=device,
        )
        print(f"wrote {options.dry_run}: {', '.join(names)}; nothing was uploaded")
        return 0
    page = push(
        options.model,
        str(address),
        private=options.private,
        message=options.message,
        seeds=seeds,
        truncation=options.truncation,
        label=options.label,
        licence=options.licence,
        device=device,
    )
    print(f'pushed to {page}; load it with stylegans.load("{address}")')
    return 0
