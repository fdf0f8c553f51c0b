import gc
import subprocess
import sys
from contextlib import suppress

import pytest

from stylegans.cli.start import importing

LOADS = """
import sys, threading
from stylegans.cli.start import load_ahead
load_ahead()
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join()
assert "torch" not in sys.modules
assert sys.platform != "linux" or "libtorch_cpu" in open("/proc/self/maps").read()
import torch
assert torch.ones(2).sum() == 2
"""


def test_the_library_that_was_loaded_ahead_is_the_one_pytorch_uses():
    subprocess.run([sys.executable, "-c", LOADS], check=True, timeout=120)


@pytest.fixture
def unfrozen():
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_nothing_is_collected_during_imports_and_everything_after(unfrozen):
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()
    kept = gc.get_freeze_count()
    assert kept > 0
    with importing():
        pass
    assert gc.get_freeze_count() == kept


def test_an_import_that_fails_leaves_collection_on(unfrozen):
    with suppress(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
