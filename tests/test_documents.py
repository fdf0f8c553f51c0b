"""The documents run: what they tell a reader to type works, and what they name exists.

A block fenced as ```console has its lines that begin with ``$ stylegans`` run; one fenced as ```python runs too. All
blocks of a document run in order, in one empty folder and one namespace. What is not to be run is fenced otherwise
(```sh, ```text).
"""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(path for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")] if path.exists())
PAPERS = [path for path in DOCUMENTS if path.name == "papers.md"]

LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
NAMED = re.compile(r"`([\w./-]+\.py)(?:::(\w+))?`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and the line its text begins at."""

    language: str
    text: str
    line: int


def blocks(path: Path) -> list[Block]:
    found, language, start, body = [], None, 0, list[str]()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        fence = re.match(r"\s*```(.*)$", line)
        if fence and language is None:
            language, start, body = fence[1].strip(), number + 1, []
        elif fence:
            found.append(Block(language or "", "\n".join(body), start))
            language = None
        else:
            body.append(line)
    return found


def commands(block: Block) -> list[list[str]]:
    lines = block.text.replace("\\\n", " ").splitlines()
    return [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ stylegans")]


def runnable(path: Path) -> bool:
    return any(block.language == "python" or commands(block) for block in blocks(path) if block.language != "text")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.long
@pytest.mark.parametrize("path", [path for path in DOCUMENTS if runnable(path)], ids=name)
def test_what_a_document_tells_to_type_works(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "document"}
    for block in blocks(path):
        if block.language == "python":
            padded = "\n" * (block.line - 1) + block.text  # so that a traceback names the document's line
            exec(compile(padded, name(path), "exec"), namespace)
        elif block.language == "console":
            for words in commands(block):
                command = [sys.executable, "-m", *words]
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
                assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    assert not [target for target in LINK.findall(path.read_text("utf-8")) if not (path.parent / target).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_verb_in_a_block_is_a_verb(path: Path) -> None:
    from stylegans.cli.main import VERBS

    words = [command for block in blocks(path) for command in commands(block)]
    assert not [command for command in words if command[1] not in VERBS and not command[1].startswith("--")]


def tree(path: Path) -> list[str]:
    """The paths in a document's drawn tree: a block without a language whose first line is a folder."""
    found = []
    for block in blocks(path):
        if block.language or not re.match(r"[\w./-]+/(\s|$)", block.text):
            continue
        above: list[tuple[int, str]] = []
        for line in block.text.splitlines():
            plain = re.sub(r"[│├└─]", " ", line)
            entry = re.match(r"(\s*)([\w.*-][\w./*-]*)(\s|$)", plain)
            if not entry or not re.search(r"/$|\.\w+$", entry[2]):
                continue
            depth = len(entry[1])
            above = [parent for parent in above if parent[0] < depth]
            found.append("".join(folder for _, folder in above) + entry[2])
            if entry[2].endswith("/"):
                above.append((depth, entry[2]))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_path_in_a_drawn_tree_exists(path: Path) -> None:
    assert not [entry for entry in tree(path) if not list(ROOT.glob(entry.rstrip("/")))]


@pytest.mark.parametrize("path", PAPERS, ids=name)
def test_every_idea_names_files_and_tests_that_exist(path: Path) -> None:
    missing = []
    for file, test in NAMED.findall("\n".join(line for line in path.read_text("utf-8").splitlines() if "|" in line)):
        found = [base / file for base in (ROOT, ROOT / "src/stylegans", ROOT / "tests") if (base / file).exists()]
        if not found or (test and f"def {test}(" not in found[0].read_text("utf-8")):
            missing.append(f"{file}::{test}" if test else file)
    assert not missing


def test_a_tree_is_read_as_drawn(tmp_path: Path) -> None:
    document = tmp_path / "d.md"
    document.write_text(
        "```\nsrc/a/\n  b/      what b is\n    c.py  x/y\n  d/\ntests/  and so on\n├── e/\n```\n```sh\nf/\n```\n"
    )
    assert tree(document) == ["src/a/", "src/a/b/", "src/a/b/c.py", "src/a/d/", "tests/", "tests/e/"]


def test_a_command_is_read_as_typed(tmp_path: Path) -> None:
    document = tmp_path / "d.md"
    document.write_text("```console\n$ stylegans info 'a b' \\\n    --x  # why\nanswer\n$ ls\n```\n")
    assert [commands(block) for block in blocks(document)] == [[["stylegans", "info", "a b", "--x"]]]
