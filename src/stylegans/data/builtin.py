"""The data sets inside the package. Standard library only: ``data list`` and ``info`` need no PIL for it."""

from dataclasses import dataclass
from pathlib import Path

from stylegans.config.sizes import Size

FOLDER = Path(__file__).parent / "embedded"


@dataclass(frozen=True)
class Embedded:
    """A data set inside the package. A test holds this table to what the zip contains."""

    name: str
    about: str
    archive: Path
    subset: str | None
    """The key under ``subsets`` in the archive's ``dataset.json`` that lists its pictures; None: all of them."""
    pictures: int
    size: Size
    classes: tuple[str, ...]
    licence: str


EMBEDDED: dict[str, Embedded] = {
    entry.name: entry
    for entry in (
        Embedded(
            name="emoji",
            about="Noto emoji on white, in all skin tones",
            archive=FOLDER / "emoji.zip",
            subset=None,
            pictures=3762,
            size=(64, 64),
            classes=(
                "Activities",
                "Animals & Nature",
                "Flags",
                "Food & Drink",
                "Objects",
                "People & Body",
                "Smileys & Emotion",
                "Symbols",
                "Travel & Places",
            ),
            licence="Apache-2.0",
        ),
        Embedded(
            name="emoji-people",
            about="the faces and busts among them",
            archive=FOLDER / "emoji.zip",
            subset="people",
            pictures=997,
            size=(64, 64),
            classes=("person", "person-fantasy", "person-gesture", "person-role"),
            licence="Apache-2.0",
        ),
    )
}
"""Name → data set."""


def names() -> str:
    """The embedded sets' names as a message puts them: 'emoji, emoji-people'."""
    return ", ".join(EMBEDDED)
