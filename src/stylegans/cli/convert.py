"""``stylegans convert SRC DST``: any known checkpoint to ours, and ours to what other tools read."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from stylegans.cli.parse import parse
from stylegans.errors import UserError

if TYPE_CHECKING:
    from stylegans.interop.foreign import Foreign

OURS, NVIDIAS, ROSINALITYS = SUFFIXES = (".safetensors", ".pkl", ".pt")


@dataclass(frozen=True)
class Convert:
    """Any known checkpoint to .safetensors, with every network in it; or to what another tool reads."""

    src: tyro.conf.Positional[str]
    """a .safetensors model, a run directory (RUN@newest, RUN@best, RUN@000200 choose its snapshot), a .pkl of
    NVIDIA's or a .pt of rosinality's"""
    dst: tyro.conf.Positional[Path]
    """the file to write: .safetensors, .pkl for NVIDIA's PyTorch code or .pt for rosinality's"""
    force: bool = False
    """replace DST if it exists"""


def main(argv: list[str]) -> int:
    """``stylegans convert``."""
    options = parse(Convert, argv, prog="stylegans convert")
    dst = options.dst
    if dst.suffix not in SUFFIXES:
        raise UserError(f"DST: {dst.name}: a model is written; name a file that ends in {', '.join(SUFFIXES)}")
    if dst.is_dir():
        raise UserError(f"DST: {dst} is a folder; name a file")
    if dst.exists() and not options.force:
        raise UserError(f"DST: {dst} exists; --force replaces it")

    from stylegans import models

    file = models.find(options.src)
    model = models.read(file)
    if dst.suffix == OURS and models.is_ours(file):
        _copy(file, dst)
    else:
        _write(dst, model)
    licence = f"; licence: {model.licence}" if model.licence else ""
    print(f"wrote {dst}: {', '.join(model.parts)} from {model.source}{licence}")
    return 0


def _copy(file: Path, dst: Path) -> None:
    """Our own file as it is, with all that it says of itself."""
    import shutil

    from stylegans.files.atomic import atomic_file

    with atomic_file(dst) as temporary:
        shutil.copyfile(file, temporary)


def _write(dst: Path, model: "Foreign") -> None:
    from stylegans.files.model_file import write_model
    from stylegans.interop import nvidia_export, rosinality_export

    if dst.suffix == NVIDIAS:
        nvidia_export.write(dst, model.parts, licence=model.licence)
    elif dst.suffix == ROSINALITYS:
        rosinality_export.write(dst, model.parts, licence=model.licence)
    else:
        parts = {name: (part.config, part.state) for name, part in model.parts.items()}
        write_model(dst, parts, family=model.family, data=model.data, licence=model.licence)
