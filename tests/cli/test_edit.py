import subprocess
import sys

import pytest

from stylegans.cli import edit
from stylegans.errors import UserError


def test_an_unknown_verb_brings_the_list() -> None:
    with pytest.raises(UserError, match="edit: 'avrage' is not one of find, apply, blend, average"):
        edit.main(["avrage"])


@pytest.mark.parametrize("words", [["--help"], *([verb, "--help"] for verb in edit.VERBS)])
def test_help_needs_neither_torch_nor_numpy(words: list[str]) -> None:
    code = (
        "import sys; from stylegans.cli.edit import main\n"
        f"try: code = main({words})\n"
        "except SystemExit as stop: code = stop.code\n"
        "sys.exit(code or sum(name in sys.modules for name in ('torch', 'numpy', 'safetensors')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "stylegans edit" in done.stdout
    assert all(verb in done.stdout for verb in (words[:1] if words[1:] else edit.VERBS))
