"""What the benchmarks that train a model of their own share: the training, and where their numbers go."""

import json
from collections.abc import Mapping
from pathlib import Path

from stylegans import load
from stylegans.config import Run
from stylegans.data.images import open_dataset
from stylegans.files.atomic import write_text
from stylegans.networks.protocol import Generator
from stylegans.runs.run import Finished, run

RESULTS = Path(__file__).parent / "results"


def trained(config: Run, out: Path) -> tuple[Generator, float]:
    """The generator, and the seconds its training took. A run that was interrupted goes on."""
    for event in run(config, open_dataset(config.data.path, labels=config.data.labels), out):
        if isinstance(event, Finished):
            return load(f"{out}@newest"), event.seconds
    raise RuntimeError("a run ends by saying so")


def report(name: str, facts: Mapping[str, object]) -> None:
    """Write and print ``facts``."""
    text = json.dumps(facts, indent=1)
    write_text(RESULTS / f"{name}.json", f"{text}\n")
    print(text)
