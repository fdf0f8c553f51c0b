"""The card says what is known, in YAML that the Hub reads, and takes no one's Markdown or HTML for its own."""

from dataclasses import replace

import pytest

from stylegans.interop.foreign import CREATIVE_COMMONS, NVIDIA
from stylegans.tools.card import PAPERS, Card, Measured, licence_fields, render

yaml = pytest.importorskip("yaml")

FID = Measured(
    metric="fid50k_full",
    values={"fid50k_full": 2.8424},
    real={},
    intervals={},
    num_generated=50000,
    num_real=70000,
    data="ffhq",
    protocol="Fréchet Inception distance, against the whole set (inception, seed 0); not truncated",
)
PLAIN = Card(
    address="hf://ana/cats",
    family="stylegan2",
    resolution=(48, 64),
    channels=3,
    latents=(64, 32, 8),
    labels=0,
    labels_are_vectors=False,
    parameters=1234567,
    parts=("generator_ema", "discriminator"),
    data="cats",
    kimg=25.5,
    preset="small-32",
    licence="apache-2.0",
    samples="Uncurated samples: seeds 0-15.",
    mixing="Coarse styles from every column.",
    measured=(),
)


def front(card):
    """The YAML, and the text after it."""
    _, fields, text = render(card).split("---\n", 2)
    return yaml.safe_load(fields), text


def test_the_yaml_is_what_the_hub_sorts_models_by():
    fields, _ = front(PLAIN)
    assert fields == {
        "library_name": "stylegans",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["stylegans", "stylegan2", "gan", "image-generation"],
        "license": "apache-2.0",
        "datasets": ["cats"],
    }


def test_the_text_says_what_is_known():
    _, text = front(PLAIN)
    for said in (
        "# cats",
        "draws pictures of 64×48 pixels, trained on `cats`",
        "[Karras et al. 2020](https://arxiv.org/abs/1912.04958)",
        "| pictures | 64×48, RGB |",
        "| latents | z 64, w 32, 8 layers of styles |",
        "| labels | none |",
        "| parameters of the generator | 1,234,567 |",
        "| parts in the file | `generator_ema`, `discriminator` |",
        "| training | 25.5 thousand pictures shown |",
        "![Samples](samples.png)",
        "![Style mixing](style-mixing.png)",
        'G = stylegans.load("hf://ana/cats")',
        "stylegans generate hf://ana/cats --seeds 0-15 --out pictures",
    ):
        assert said in text
    assert "Measurements" not in text


def test_what_is_not_known_is_said_to_be():
    fields, text = front(replace(PLAIN, data="", kimg=None, preset="", licence="", mixing=""))
    assert not {"license", "datasets"} & set(fields)
    assert "| training | not said |" in text
    assert "None is stated" in text
    assert "style-mixing.png" not in text
    assert "preset" not in text


@pytest.mark.parametrize("family", PAPERS)
def test_every_family_has_its_paper(family):
    what, who, where = PAPERS[family]
    assert f"{what} ([{who}](https://arxiv.org/abs/{where}))" in render(replace(PLAIN, family=family))


def test_a_model_with_labels_is_used_with_them():
    classes = render(replace(PLAIN, labels=3))
    assert "images = G(z, c)" in classes
    assert " --class 0 " in classes
    assert "| labels | 3 classes |" in classes
    vectors = render(replace(PLAIN, labels=2, labels_are_vectors=True))
    assert " --class 0.5,0.5 " in vectors
    assert "| labels | vectors of 2 numbers |" in vectors


@pytest.mark.parametrize("classes", [0, 3])
def test_the_snippet_is_python(classes):
    code = render(replace(PLAIN, labels=classes)).partition("```python\n")[2].partition("```")[0]
    compile(code, "snippet", "exec")


@pytest.mark.parametrize(
    ("note", "fields"),
    [
        ("", {}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("CC BY 4.0", {"license": "cc-by-4.0"}),
        (CREATIVE_COMMONS, {"license": "cc-by-nc-4.0"}),
        (
            NVIDIA,
            {
                "license": "other",
                "license_name": "nvidia-source-code-license",
                "license_link": "https://github.com/NVlabs/stylegan3/blob/main/LICENSE.txt",
            },
        ),
        (
            "My Licence, version 2: be kind",
            {"license": "other", "license_name": "my-licence", "license_link": "LICENSE"},
        ),
        (
            "House rules (https://a.org/rules).",
            {"license": "other", "license_name": "house-rules", "license_link": "https://a.org/rules"},
        ),
        ("©", {"license": "other", "license_name": "other", "license_link": "LICENSE"}),
    ],
)
def test_a_licence_is_one_that_the_hub_knows_or_other_with_name_and_link(note, fields):
    assert licence_fields(note) == fields
    written, text = front(replace(PLAIN, licence=note))
    assert {key: value for key, value in written.items() if key.startswith("license")} == fields
    if fields.get("license_link"):
        assert f"See [{fields['license_name']}]({fields['license_link']})" in text


def test_numbers_stand_with_their_protocol():
    pr = replace(
        FID,
        metric="pr",
        values={"pr": 0.5, "pr_recall": 0.25},
        real={"pr": 0.75},
        intervals={"pr": (0.4, 0.6)},
        num_real=0,
        data="",
    )
    text = render(replace(PLAIN, measured=(FID, pr)))
    assert "| metric | value | 95 % | real | pictures | against |" in text
    assert "| `fid50k_full` | 2.842 |  |  | 50000 / 70000 | `ffhq` |" in text
    assert "| `pr` | 0.5 | 0.4 … 0.6 | 0.75 | 50000 |  |" in text
    assert "| `pr_recall` | 0.25 |  |  | 50000 |  |" in text
    assert "- `fid50k_full`: Fréchet Inception distance, against the whole set (inception, seed 0); not tr" in text
    assert "| 95 % |" not in render(replace(PLAIN, measured=(FID,)))


def test_words_of_strangers_stay_words():
    evil = '<script>alert(1)</script>` | [x](http://a) \n---\nlicense: mit\n"'
    card = replace(PLAIN, data=evil, licence=evil, preset=evil, parts=(evil,), samples=evil)
    fields, text = front(card)
    assert "datasets" not in fields
    assert fields["license"] == "other"
    assert "<script" not in text
    assert "[x](" not in text
    assert "\n---\n" not in text
    assert all(line.count("|") == 3 for line in text.splitlines() if line.startswith("| "))
