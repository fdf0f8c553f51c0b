"""The command ``stylegans``: finds the verb, runs it, and turns whatever goes wrong into one line and an exit code.

Exit codes: 0 done; 1 it could not be done (or the verb's own answer: no), or our bug; 2 the user can put it right;
130 interrupted (Ctrl-C); 141 whoever read our output went away. ``--debug`` anywhere shows the traceback too.
"""

import gc
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from stylegans.cli.start import load_ahead
from stylegans.errors import RunFailed, UserError

VERBS: dict[str, tuple[str, str]] = {
    "demo": ("stylegans.cli.demo", "train a small model on embedded pictures and show what it learned"),
    "data": ("stylegans.cli.data", "build, check and list data sets"),
    "plan": ("stylegans.cli.plan", "what to train on your pictures with this machine, and the command to paste"),
    "train": ("stylegans.cli.train", "train a model; the same command again continues"),
    "generate": ("stylegans.cli.generate", "pictures from seeds"),
    "mix": ("stylegans.cli.mix", "a style-mixing grid"),
    "walk": ("stylegans.cli.walk", "a looping video through the latent space"),
    "figures": ("stylegans.cli.figures", "the papers' figures of a model, as a folder to look through"),
    "project": ("stylegans.cli.project", "a picture's place in the latent space; is it this model's own?"),
    "measure": ("stylegans.cli.measure", "the papers' metrics, each number with its protocol beside it"),
    "convert": ("stylegans.cli.convert", "any known checkpoint to .safetensors, and back to what other tools read"),
    "edit": ("stylegans.cli.edit", "directions in the latent space; blend and average models"),
    "export": ("stylegans.cli.export", "a generator as an ONNX file, checked against PyTorch"),
    "push": ("stylegans.cli.push", "a model to the Hugging Face Hub, with its card"),
    "info": ("stylegans.cli.info", "what a model, checkpoint, run or data set is"),
}
"""Verb → (the module whose ``main(argv) -> int`` runs it, what it does)."""

SHORT = ("generate", "mix", "walk", "figures", "project")
"""Verbs whose work may be shorter than PyTorch's import."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` and return its exit code. None: the process's own, which then ends."""
    if argv is not None:
        return _code(list(argv))
    code = _code(sys.argv[1:])
    gc.freeze()  # or the interpreter looks through everything once more before it ends, half a second with PyTorch
    return code


def _code(words: list[str]) -> int:
    debug = "--debug" in words
    warnings.formatwarning = _one_line
    try:
        code = _run([word for word in words if word != "--debug"])
        sys.stdout.flush()
    except UserError as error:
        return _fail(str(error), 2, debug)
    except RunFailed as error:
        return _fail(str(error), 1, debug)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return 141
    except Exception as error:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        return _fail(said if debug else f"{said}; run again with --debug for the traceback", 1, debug)
    return code


def _run(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        import stylegans

        print(f"stylegans {stylegans.__version__}")
        return 0
    if words[0] not in VERBS:
        raise UserError(_unknown(words[0]))
    module, _ = VERBS[words[0]]
    if words[0] in SHORT:
        load_ahead()
    try:
        return int(importlib.import_module(module).main(list(words[1:])))
    except SystemExit as stop:  # help was printed
        return stop.code if isinstance(stop.code, int) else 0


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {line}" for verb, (_, line) in VERBS.items())
    return (
        "usage: stylegans VERB ...\n\n"
        "The StyleGAN family: train image generators, and use them.\n\n"
        f"{verbs}\n\n"
        "stylegans VERB --help explains a verb; stylegans --version tells the version;\n"
        "--debug anywhere shows the traceback of what went wrong."
    )


def _unknown(word: str) -> str:
    from stylegans.cli.parse import nearest

    if word.startswith("-"):
        return f"{word}: no such option before the verb; see stylegans --help"
    meant = nearest(word, VERBS)
    return f"'{word}' is not a verb; " + (f"did you mean {meant}?" if meant else f"the verbs are {', '.join(VERBS)}")


def _one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning without the line of our code that gave it."""
    return f"stylegans: {' '.join(str(message).split())}\n"


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print("stylegans: " + " ".join(message.split()), file=sys.stderr)
    return code
