from collections.abc import Callable
from pathlib import Path

import pytest

from stylegans.cli.main import main

HUB = "hf://ana/cats"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))


def run(*words: object) -> int:
    return main(["push", *map(str, words)])


def test_a_dry_run_writes_what_would_be_uploaded(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ("--seeds", "0-3", "--truncation", 0.5, "--licence", "mit", "--revision", "v1", "--class", 1)
    assert run(models / "classes.safetensors", HUB, "--dry-run", out, *options) == 0
    names = "README.md, config.json, model.safetensors, samples.png, style-mixing.png"
    assert capsys.readouterr().out == f"wrote {out}: {names}; nothing was uploaded\n"
    card = (out / "README.md").read_text("utf-8")
    for said in (f"{HUB}@v1", "seeds 0-3, truncation 0.5, class 1.", 'license: "mit"'):
        assert said in card


def test_a_push_prepares_everything_uploads_it_and_says_where(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = {}

    def upload(folder: Path, address: object, **options: object) -> str:
        sent.update(options, names={path.name for path in folder.iterdir()}, address=str(address))
        return "https://the.hub/ana/cats"

    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setattr("stylegans.interop.hub.upload", upload)
    assert run(models / "small.safetensors", HUB, "--private", "--message", "the first", "--seeds", "0-1") == 0
    assert 'pushed to https://the.hub/ana/cats; load it with stylegans.load("hf://ana/cats")' in capsys.readouterr().out
    assert sent["address"] == HUB
    assert (sent["private"], sent["message"]) == (True, "the first")
    assert "README.md" in sent["names"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("nowhere.safetensors", HUB, "--dry-run", "x"), "nowhere.safetensors: no such model"),
        (("nowhere.safetensors", HUB), "hf://ana/cats: not logged in to the Hub; run `hf auth login`, or set HF_TOKEN"),
        (("m", "ana/cats"), "REPO: 'ana/cats' is no address on the Hub; write hf://user/repo"),
        (("m", "hf://datasets/ana/cats"), "not the address of a model"),
        (("m", f"{HUB}@v1", "--revision", "v2"), "--revision: v2, but the address says v1"),
        (("m", HUB, "--revision", "a b"), "'a b' is no branch"),
        (("m", HUB, "--revision", ""), "'' is no branch"),
        (("m", HUB, "--seeds", "x", "--dry-run", "x"), "--seeds: 'x' is not a seed"),
    ],
)
def test_a_refusal_is_one_line(
    words: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., None]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(["push", *words], line)
