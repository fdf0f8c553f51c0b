import json
import subprocess
import sys
import zipfile

import pytest

from stylegans.data.builtin import EMBEDDED, FOLDER
from stylegans.data.images import open_dataset


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_table_says_what_the_zip_holds(name: str) -> None:
    entry, dataset = EMBEDDED[name], open_dataset(name, labels=True)
    assert (len(dataset), dataset.resolution, dataset.label_names) == (entry.pictures, entry.size, list(entry.classes))
    assert dataset.name == name
    assert dataset.channels == 3
    assert dataset.c_dim == len(entry.classes)
    assert dataset.image(0).shape == (3, *entry.size)


def test_the_people_are_among_the_emoji() -> None:
    with zipfile.ZipFile(FOLDER / "emoji.zip") as archive:
        document = json.loads(archive.read("dataset.json"))
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
    everyone = {name for name, _ in document["labels"]}
    people = {name for name, _ in document["subsets"]["people"]["labels"]}
    assert people < everyone


def test_the_pictures_travel_with_their_notice() -> None:
    notice = (FOLDER / "NOTICE.md").read_text(encoding="utf-8")
    assert "Apache License 2.0" in notice
    assert "emoji-datasource-google` 16.0.0" in notice


def test_listing_loads_neither_torch_nor_pil_nor_numpy() -> None:
    code = (
        "import sys; from stylegans.cli.data import main; main(['list']); "
        "print([name for name in ('torch', 'PIL', 'numpy', 'tyro') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert all(name in done.stdout for name in EMBEDDED)
