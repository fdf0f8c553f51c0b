"""Where what can be computed or downloaded again is kept: one folder per user.

``$STYLEGANS_CACHE``, else ``$XDG_CACHE_HOME/stylegans``, else ``~/.cache/stylegans``. Everything in it may be deleted
at any time.
"""

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder of one kind of things, like 'features'. It need not exist yet."""
    chosen = os.environ.get("STYLEGANS_CACHE")
    if chosen:
        return Path(chosen).expanduser() / kind
    base = os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "stylegans" / kind


def prune(folder: Path, *, most_bytes: int) -> None:
    """Delete the files of ``folder`` used longest ago until those left have at most ``most_bytes``."""
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total <= most_bytes:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
