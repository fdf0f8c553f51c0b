"""Do the published programs' own checkpoints open here, and ours there?

    python benchmarks/interop.py [--ada DIR] [--stylegan3 DIR] [--rosinality DIR] [--python PYTHON]
                                 [--progan DIR] [--stylegan DIR] [--stylegan2 DIR] [--ada-tf DIR] [--tensorflow PYTHON]

``DIR`` is a checkout of NVIDIA's stylegan2-ada-pytorch and stylegan3, of rosinality's stylegan2-pytorch, and of
NVIDIA's TensorFlow programs: progressive_growing_of_gans, stylegan, stylegan2, stylegan2-ada. ``PYTHON`` is an
interpreter with what they import: torch, click, requests, scipy; for the latter TensorFlow 2, requests, pillow, scipy.

Each program builds networks of many configurations (``interop_cases.py``), disturbs them so that nothing in them is
zero, and saves them as its training does (``peers.py``, ``peers_tensorflow.py``). Then, on the CPU in float32, for
seeds 0 to 3 at truncation 1 and 0.7 with constant noise:

read        our pictures and scores of its file against its own
generate    those of ``stylegans generate`` at truncation 0.7
ours        whether the file as .safetensors holds the same configs and tensors, bit by bit, and the same licence
written     the file as NVIDIA's .pkl, opened by both PyTorch programs' own readers, and as rosinality's .pt, opened by
            its own: pictures and scores against the original's; and whether it holds the same when read again. Where a
            format cannot hold the networks, the refusal.

Errors are the largest difference over the range of the reference. ``benchmarks/results/interop.json`` holds them all;
what is not measured again stays in it.
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from interop_cases import CASES, Case, Options

from stylegans import models
from stylegans.cli.main import main as command
from stylegans.config.codec import to_dict
from stylegans.errors import UserError
from stylegans.files.atomic import write_text

HERE = Path(__file__).parent
PYTORCH, TENSORFLOW = ("ada", "stylegan3", "rosinality"), ("progan", "stylegan", "stylegan2", "ada-tf")
PARTS = {"G_ema": "generator_ema", "G": "generator", "D": "discriminator"}
READERS = {".pkl": ("ada", "stylegan3"), ".pt": ("rosinality",)}
"""Formats that we write → the programs that read them."""

Answers = dict[str, np.ndarray]


# --- the programs -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peers:
    """The programs' checkouts, and the interpreters for them."""

    checkouts: dict[str, Path]
    python: str
    tensorflow: str
    folder: Path

    def run(self, program: str, jobs: list[Options]) -> list[Answers | str]:
        """What the program makes of each job; a failure's line."""
        answers = [self.folder / f"{program}-{i}.npz" for i in range(len(jobs))]
        file = self.folder / f"{program}.json"
        file.write_text(json.dumps([job | {"answers": str(at)} for job, at in zip(jobs, answers, strict=True)]))
        if program in TENSORFLOW:
            words = [self.tensorflow, str(HERE / "peers_tensorflow.py"), program]
        else:
            words = [self.python, str(HERE / "peers.py"), "rosinality" if program == "rosinality" else "nvidia"]
        done = subprocess.run(
            [*words, str(self.checkouts[program]), str(file)], stdout=subprocess.PIPE, text=True, check=True
        )
        lines = [json.loads(line)["error"] for line in done.stdout.splitlines() if line.startswith('{"error"')]
        found: list[Answers | str] = []
        for error, at in zip(lines, answers, strict=True):
            if error is None:
                with np.load(at) as content:
                    found.append(dict(content))
            else:
                found.append(f"fails: {error}".replace(str(self.folder), ""))
        return found


def shown(case: Case) -> np.ndarray:
    """What discriminators judge: noise of growing contrast on a growing grey, whose scores are far apart."""
    sizes = (4, case.channels, case.size, case.size)
    noise = torch.rand(sizes, generator=torch.Generator().manual_seed(5)) * 2 - 1
    share = torch.tensor([0.1, 0.4, 0.7, 1.0])[:, None, None, None]
    return (noise * share + 2 * share - 1).clamp(-1, 1).numpy()


# --- comparing --------------------------------------------------------------------------------------------------------


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(f"{np.abs(found - expected).max() / np.ptp(expected):.2g}")


def worst(found: Answers, expected: Answers) -> dict[str, float]:
    """The worst error of the pictures and that of the scores that are in both."""
    errors: dict[str, float] = {}
    for name in found.keys() & expected.keys():
        kind = "scores" if name == "D" else "pictures"
        errors[kind] = max(errors.get(kind, 0.0), error(found[name], expected[name]))
    return errors


def labels(c_dim: int) -> torch.Tensor | None:
    return torch.eye(c_dim)[[seed % c_dim for seed in range(4)]] if c_dim else None


def drawn(file: Path, case: Case) -> Answers:
    """What the programs keep, by our networks."""
    found: Answers = {}
    present = models.read(file).parts
    for theirs, part in PARTS.items():
        if part not in present:
            continue
        network = models.load(file, part)
        c = labels(network.c_dim)
        if part == "discriminator":
            found[theirs] = network(torch.from_numpy(shown(case)), c).numpy()
            continue
        z = np.concatenate([np.random.RandomState(seed).randn(1, network.z_dim) for seed in range(4)])
        for psi in (1.0, 0.7):
            with contextlib.suppress(UserError):  # those without styles are not truncated
                images = network(torch.from_numpy(z).float(), c, truncation=psi, noise="const")
                found[f"{theirs}/psi{psi:g}"] = images.numpy()
    return found


def said(*words: str | Path) -> str:
    """What our command line says; a refusal's line."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command([str(word) for word in words])
    return out.getvalue() if code == 0 else err.getvalue().strip()


def generated(file: Path, expected: Answers, folder: Path) -> float | str | None:
    """The error of ``stylegans generate``'s pictures."""
    psi = "0.7" if "G_ema/psi0.7" in expected else "1"
    if "generator_ema" not in models.read(file).parts:
        return None
    reference, classes, errors = expected[f"G_ema/psi{psi}"], models.load(file).c_dim, []
    for seeds in ("0", "1", "2", "3") if classes else ("0-3",):
        options = ("--class", str(int(seeds) % classes)) if classes else ()
        words = ("--truncation", psi, "--noise", "const", "--format", "npz", "--device", "cpu", *options)
        answer = said("generate", file, "--seeds", seeds, *words, "--out", folder)
        if not answer.startswith(("wrote", "classes")):
            return answer.replace(str(folder), "")
        with np.load(folder / "images.npz") as pictures:
            errors.append(np.abs(pictures["images"] - reference[pictures["seeds"]]).max() / np.ptp(reference))
    return float(f"{max(errors):.2g}")


def same(first: Path, second: Path) -> bool | str:
    """Whether two files hold the same networks bit by bit; else the first difference."""
    a, b = models.read(first).parts, models.read(second).parts
    for name in a.keys() | b.keys():
        if name not in a or name not in b:
            return f"{name} in one alone"
        if to_dict(a[name].config) != to_dict(b[name].config):
            return f"the config of {name}"
        if a[name].state.keys() != b[name].state.keys():
            return f"the tensors of {name}"
        for key, value in a[name].state.items():
            if not torch.equal(value, b[name].state[key]):
                return f"{name}: {key}"
    return True


# --- one case ---------------------------------------------------------------------------------------------------------


@dataclass
class Checked:
    """A case as far as it has come."""

    case: Case
    folder: Path
    expected: Answers
    facts: Options = field(default_factory=dict)

    @property
    def source(self) -> Path:
        return self.folder / ("source.pt" if self.case.program == "rosinality" else "source.pkl")

    def read(self) -> None:
        """Their file by our readers and commands, and in our formats."""
        foreign = models.read(self.source)
        ours = self.folder / "ours.safetensors"
        said("convert", self.source, ours)
        self.facts |= {
            "read as": foreign.source,
            "family": foreign.family,
            "parts": list(foreign.parts),
            "licence": foreign.licence,
            "data": foreign.data,
            "licence is told": foreign.licence in " ".join(said("info", self.source).split()),
            "read": worst(drawn(self.source, self.case), self.expected),
            "generate": generated(self.source, self.expected, self.folder),
            "ours": {"same": same(self.source, ours), "licence": models.read(ours).licence == foreign.licence},
            "written": {suffix: self._write(ours, suffix) for suffix in READERS},
        }

    def _write(self, ours: Path, suffix: str) -> Options | str:
        written = self.folder / f"written{suffix}"
        answer = said("convert", ours, written)
        if not answer.startswith("wrote"):
            return answer.partition(": ")[2]
        return {"same": same(ours, written), "licence": models.read(written).licence == models.read(ours).licence}

    def to_open(self, program: str) -> Options | None:
        """What ``program`` is asked, of the format that it reads."""
        suffix = next(suffix for suffix, programs in READERS.items() if program in programs)
        if not isinstance(self.facts.get("written", {}).get(suffix), dict):
            return None
        job = {"open": str(self.folder / f"written{suffix}"), "judged": str(self.folder / "judged.npz")}
        if program != "rosinality":
            return job
        config: Any = models.read(self.source).parts["generator_ema"].config
        if config.channel_max != 512 or config.channel_base not in (16384, 32768):
            return None  # its constructors know no other widths
        options = {"size": self.case.size, "latent": config.mapping.w_dim, "n_mlp": config.mapping.num_layers}
        return job | {"options": options | {"channel_multiplier": config.channel_base // 16384}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for program in (*PYTORCH, *TENSORFLOW):
        parser.add_argument(f"--{program}", type=Path, metavar="DIR", dest=program)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--tensorflow", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--only", default="", metavar="WORD", help="cases whose program or name has it")
    parser.add_argument("--results", type=Path, default=HERE / "results/interop.json")
    options = parser.parse_args()
    given = {program: getattr(options, program) for program in (*PYTORCH, *TENSORFLOW)}
    checkouts = {program: path.resolve() for program, path in given.items() if path is not None}
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    warnings.simplefilter("ignore")  # licences
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(checkouts, options.python, options.tensorflow, Path(folder))
        cases = [case for case in CASES if options.only in named(case) and case.program in checkouts]
        found = measure(cases, peers)
    kept = json.loads(options.results.read_text())["cases"] if options.results.exists() else {}
    found = {name: facts for name, facts in (kept | found).items() if name in {named(case) for case in CASES}}
    report = {"torch": torch.__version__, "worst": extremes(found), "cases": found}
    write_text(options.results, json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["worst"]))


def named(case: Case) -> str:
    return f"{case.program}: {case.name}"


def measure(cases: list[Case], peers: Peers) -> dict[str, Options]:
    """Everything of all cases."""
    checked = [one for program in peers.checkouts for one in written_by(program, cases, peers)]
    for suffix, programs in READERS.items():
        for program in set(programs) & peers.checkouts.keys():
            asked = [(one, job) for one in checked if (job := one.to_open(program)) is not None]
            answers = peers.run(program, [job for _, job in asked]) if asked else []
            for (one, _), answer in zip(asked, answers, strict=True):
                outcome = answer if isinstance(answer, str) else worst(answer, one.expected)
                one.facts["written"][suffix][program] = outcome
    return {named(one.case): one.facts for one in checked}


def extremes(found: dict[str, Options]) -> Options:
    """The worst of all cases, and those that failed."""
    every = [facts["read"] for facts in found.values() if "read" in facts]
    largest = {kind: max((errors.get(kind, 0.0) for errors in every), default=None) for kind in ("pictures", "scores")}
    return largest | {"failed": [name for name, facts in found.items() if "failed" in facts]}


def written_by(program: str, cases: list[Case], peers: Peers) -> list[Checked]:
    """The cases of one program, written by it and read by us."""
    checked: list[Checked] = []
    for number, case in enumerate(cases):
        if case.program == program:
            folder = peers.folder / f"case-{number}"
            folder.mkdir()
            np.savez(folder / "judged.npz", images=shown(case))
            checked.append(Checked(case, folder, {}))
    jobs = [one.case.job | {"write": str(one.source), "judged": str(one.folder / "judged.npz"), "seed": seed}
            for seed, one in enumerate(checked)]  # fmt: skip
    for one, answers in zip(checked, peers.run(program, jobs) if jobs else [], strict=True):
        if isinstance(answers, str):
            one.facts["failed"] = answers
        else:
            one.expected = answers
            one.facts["range"] = {name: float(f"{np.ptp(value):.3g}") for name, value in answers.items()}
            try:
                one.read()
            except Exception as problem:  # what is looked for here
                one.facts["failed"] = f"{type(problem).__name__}: {problem}".replace(str(one.folder), "")
        print(json.dumps({"case": named(one.case)} | one.facts), flush=True)
    return checked


if __name__ == "__main__":
    main()
