"""The shape of the package: public names, rows, file sizes, and what a quick command may load."""

import ast
import importlib
import os
import re
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import stylegans

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/stylegans"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

HEAVY = ("torch", "numpy", "PIL", "matplotlib", "safetensors")

PUBLIC = {
    "MissingFile": "stylegans.errors",
    "RunFailed": "stylegans.errors",
    "UserError": "stylegans.errors",
    "load": "stylegans.models",
    "tune_allocator": "stylegans.runs.machine",
}
"""A name that leaves this table, or moves in it, is a breaking change."""


def sources() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def loaded_after(statement: str, *, cwd: Path = ROOT) -> set[str]:
    """The top-level packages that a fresh Python has loaded after ``statement``."""
    code = f"import sys\n{statement}\nprint('LOADED', *{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=cwd)
    return set(done.stdout.rpartition("LOADED ")[2].split())


# --- public names ---------------------------------------------------------------------------------------------------


def test_public_names_are_the_table() -> None:
    assert sorted(stylegans.__all__) == sorted([*PUBLIC, "__version__"])
    assert set(stylegans.__all__) <= set(dir(stylegans))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_leads_to_its_home(name: str) -> None:
    assert getattr(stylegans, name) is getattr(importlib.import_module(PUBLIC[name]), name)


def test_the_version_is_the_projects() -> None:
    assert stylegans.__version__ == PYPROJECT["project"]["version"]


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'stylegans' has no attribute 'laod'"):
        _ = stylegans.laod  # type: ignore[attr-defined]


def test_importing_the_package_loads_the_standard_library_alone() -> None:
    loaded = loaded_after(
        "before = set(sys.modules); import stylegans; sys.modules = {m: 0 for m in sys.modules if m not in before}"
    )
    assert not {name for name in loaded if name not in sys.stdlib_module_names} - {"stylegans"}


# --- quick commands -------------------------------------------------------------------------------------------------

QUICK = [
    "--help",
    "--version",
    "train --help",
    "train tiny --help",
    "generate --help",
    "plan --help",
    "edit --help",
    "edit apply --help",
    "edit average --help",
    "edit blend --help",
    "edit find --help",
    "figures --help",
    "project --help",
    "push --help",
    "convert --help",
    "export --help",
    "measure --help",
    "measure --list",
    "data list",
    "info emoji",
    "info model.safetensors",
]


@pytest.fixture
def folder_with_model(tmp_path: Path) -> Path:
    import torch

    from stylegans.config import StyleGAN2
    from stylegans.files.model_file import write_model

    parts = {"generator_ema": (StyleGAN2(), {"w": torch.zeros(3)})}
    write_model(tmp_path / "model.safetensors", parts, family="stylegan2")
    return tmp_path


@pytest.mark.parametrize("line", QUICK)
def test_a_quick_command_loads_nothing_heavy(line: str, folder_with_model: Path) -> None:
    loaded = loaded_after(
        f"from stylegans.cli.main import main; assert main({line.split()}) == 0", cwd=folder_with_model
    )
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("line", QUICK)
def test_a_quick_command_takes_less_than_a_second(line: str, folder_with_model: Path) -> None:
    def spent() -> float:  # of the processor, so that a busy machine does not count
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    command = [sys.executable, "-m", "stylegans", *line.split()]
    subprocess.run(command, capture_output=True, check=True, cwd=folder_with_model)
    assert spent() - before < 1


def test_a_verb_loads_no_other_verb() -> None:
    verbs = "from stylegans.cli.main import main, VERBS; main(['info', 'emoji'])"
    code = f"import sys; {verbs}; print('LOADED', *(m for m, _ in VERBS.values() if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rpartition("LOADED ")[2].split() == ["stylegans.cli.info"]


# --- rows -----------------------------------------------------------------------------------------------------------


def test_the_import_contracts_hold() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    lint = [sys.executable, "-c", code, "--no-logo", "--no-cache"]
    done = subprocess.run(lint, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_has_its_row() -> None:
    contracts = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
    rows = {row.strip("()") for row in contracts["layers"]["layers"]}
    there = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - rows == {"__init__", "__main__"}


def test_every_folder_of_sources_is_a_package_with_a_docstring() -> None:
    for folder in {path.parent for path in sources()}:
        assert (folder / "__init__.py").exists(), folder


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_source_file_says_what_it_is_and_stays_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert ast.get_docstring(ast.parse(text)), "no module docstring"
    assert text.count("\n") <= 400


def test_tests_mirror_the_tree() -> None:
    """Every test file stands where the file it tests stands, or at the top for what is about all of them."""
    strays = []
    for test in (ROOT / "tests").rglob("test_*.py"):
        folder, name = test.parent.relative_to(ROOT / "tests"), test.stem.removeprefix("test_")
        tested = SOURCE / folder / f"{name}.py"
        if folder != Path() and not tested.exists() and not (SOURCE / folder / name).is_dir():
            strays.append(test.relative_to(ROOT).as_posix())
    assert not strays


@pytest.mark.parametrize("name", ["scripts/bootstrap", "scripts/demo", "scripts/test", "scripts/check", ".ci/run"])
def test_the_scripts_can_be_run(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert path.read_text("utf-8").startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in path.read_text("utf-8")


def test_the_pins_cover_what_the_package_and_its_checks_ask_for() -> None:
    pins = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["video"], *extras["track"], *extras["dev"]]
    names = {re.split(r"[<>=!~\[ ]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names <= pins
