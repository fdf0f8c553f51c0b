"""Logs as files of lines, each a JSON object: what happened in a run, and what was measured of it."""

import contextlib
import json
from pathlib import Path
from typing import Any


def read_log(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a ``log.jsonl``; none where there is no such file."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError):  # cut short when a run was killed
            lines.append(json.loads(line))
    return lines
