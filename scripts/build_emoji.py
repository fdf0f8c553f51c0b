"""Make the embedded data set, src/stylegans/data/embedded/emoji.zip.

    python scripts/build_emoji.py             fetches emoji-datasource-google with npm
    python scripts/build_emoji.py FOLDER      uses an unpacked one (the folder that holds emoji.json)

The 64×64 pictures are laid on white exactly, those that look the same after it are kept once, and each is reduced to
its best 128 colours (a difference of about 47 dB, which nobody sees) and stored as lossless WebP: 6.2 MB in all, where
all colours would take 9.6 and optimised PNG 13.5. The same package gives the same bytes with one version of Pillow.
"""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from stylegans.data import decode
from stylegans.data.builtin import FOLDER
from stylegans.data.ordered import ordered
from stylegans.data.prepare import write_stored
from stylegans.files.atomic import atomic_file

PACKAGE = "emoji-datasource-google@16.0.0"
LEFT_OUT = "Component"
"""A category of five colour swatches, the skin tones themselves."""
COLOURS = 128
PEOPLE = ("person", "person-fantasy", "person-gesture", "person-role")
"""Unicode's subcategories of faces and busts."""


@dataclass(frozen=True)
class Emoji:
    """A picture of the package."""

    image: str
    category: str
    subcategory: str


def catalogue(package: Path) -> list[Emoji]:
    """Every emoji with a picture, skin-tone variants too, by file name."""
    entries = json.loads((package / "emoji.json").read_text(encoding="utf-8"))
    found = [
        Emoji(variant["image"], entry["category"], entry["subcategory"])
        for entry in entries
        for variant in (entry, *entry.get("skin_variations", {}).values())
        if variant["has_img_google"] and entry["category"] != LEFT_OUT
    ]
    return sorted(found, key=lambda emoji: emoji.image)


def distinct(package: Path, emojis: list[Emoji]) -> list[tuple[Emoji, Image.Image]]:
    """Each emoji with its picture on white; of those that look the same, the first."""
    seen: dict[bytes, tuple[Emoji, Image.Image]] = {}
    for emoji in emojis:
        with (package / "img/google/64" / emoji.image).open("rb") as stream:
            picture = decode.to_mode(decode.open_picture(stream), "RGB")
        seen.setdefault(picture.tobytes(), (emoji, picture))
    return list(seen.values())


def labelled(emojis: list[Emoji], classes: list[str], kinds: list[str]) -> dict[str, object]:
    """The catalogue of ``emojis``, whose classes are ``kinds``, in the layout of ``dataset.json``."""
    return {
        "labels": [[name_in_zip(emoji), classes.index(kind)] for emoji, kind in zip(emojis, kinds, strict=True)],
        "label_names": classes,
    }


def name_in_zip(emoji: Emoji) -> str:
    """'1f600.png' → '1f600.webp'."""
    return Path(emoji.image).with_suffix(".webp").name


def few_colours_webp(picture: Image.Image) -> bytes:
    """The picture in its best 128 colours, stored without further loss."""
    stream = io.BytesIO()
    reduced = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
    reduced.save(stream, "webp", lossless=True, quality=100, method=6)
    return stream.getvalue()


def build(package: Path, target: Path) -> None:
    """Write the zip and say what is in it."""
    kept = distinct(package, catalogue(package))
    emojis = sorted((emoji for emoji, _ in kept), key=name_in_zip)
    people = [emoji for emoji in emojis if emoji.subcategory in PEOPLE]
    categories = [emoji.category for emoji in emojis]
    document = labelled(emojis, sorted(set(categories)), categories)
    document["subsets"] = {"people": labelled(people, list(PEOPLE), [emoji.subcategory for emoji in people])}
    pictures = {name_in_zip(emoji): picture for emoji, picture in kept}
    with atomic_file(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        names = sorted(pictures)
        for name, content in zip(names, ordered(few_colours_webp, [pictures[name] for name in names]), strict=True):
            write_stored(archive, name, content)
        write_stored(archive, "dataset.json", json.dumps(document, ensure_ascii=False).encode())
    print(f"{target}: {len(emojis)} pictures, {target.stat().st_size / 1e6:.1f} MB, {dict(Counter(categories))}")
    print(f"people: {len(people)} pictures, {dict(Counter(emoji.subcategory for emoji in people))}")


def main() -> None:
    """See the module's documentation."""
    if len(sys.argv) > 1:
        build(Path(sys.argv[1]), FOLDER / "emoji.zip")
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", PACKAGE, "--silent", "--pack-destination", folder], check=True)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as package:
            package.extractall(folder, filter="data")
        build(Path(folder, "package"), FOLDER / "emoji.zip")


if __name__ == "__main__":
    main()
