"""Files as NVIDIA's TensorFlow programs write them, filled from the golden vectors."""

import io
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest

PROGAN, STYLEGAN, STYLEGAN2, ADA = 2, 3, 4, 5
"""Versions of the published files."""

PROGRAMS = {"progan": PROGAN, "sg1": STYLEGAN, "sg2": STYLEGAN2}


class Network:
    def __init__(self, state):
        self.state = state

    def __getstate__(self):
        return self.state


class EasyDict(dict):
    __module__ = "dnnlib.util"


def network(function, variables, kwargs, *, version, name="G"):
    """A published network. 0-d variables are NumPy's numbers, as TensorFlow gives them."""
    components = {}
    own = [(key, np.asarray(value)[()]) for key, value in variables.items()]
    for component, build in (("mapping", "G_mapping"), ("synthesis", "G_synthesis_stylegan2")):
        prefix = f"G_{component}/"
        inner = [(key.removeprefix(prefix), value) for key, value in own if key.startswith(prefix)]
        if "G_style" in function or "G_main" in function:
            components[component] = Network(_state(f"G_{component}", build, inner, kwargs, {}, version))
        own = [(key, value) for key, value in own if not key.startswith(prefix)]
    return Network(_state(name, function, own, kwargs, components, version))


def _state(name, function, variables, kwargs, components, version):
    always = {"num_channels": 3, "resolution": 32, "label_size": 0}
    return {
        "version": version,
        "name": name,
        "static_kwargs": EasyDict(always | kwargs),
        "components": components,
        "build_module_src": "raise SystemExit('this was run')",
        "build_func_name": function,
        "variables": variables,
    } | ({"input_shapes": [[None, 32]], "input_names": ["latents_in"]} if version == ADA else {})


class TensorFlow:
    """Writes published networks, with the classes that the pickles name there only meanwhile."""

    def __init__(self, golden, folder):
        self._golden, self._folder = golden, folder
        self.holder, self.network = Network, network

    def golden(self, vectors, *, name="G"):
        """The published network of a golden file."""
        found = self._golden(vectors)
        function = found.config["cls"].rpartition(".")[2]
        version = PROGRAMS[vectors.partition("_")[0]]
        return network(function, found.state, found.config["kwargs"], version=version, name=name)

    def write(self, tree, **options) -> Path:
        path = self._folder / "network.pkl"
        path.write_bytes(self.dumps(tree, **options))
        return path

    def dumps(self, tree, *, module="dnnlib.tflib.network", protocol=4, pickler=pickle.Pickler) -> bytes:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("dnnlib", "dnnlib.tflib", "dnnlib.tflib.network", "dnnlib.util", "tfutil"):
                patch.setitem(sys.modules, name, types.ModuleType(name))
            patch.setattr(Network, "__module__", module)
            patch.setattr(sys.modules[module], "Network", Network, raising=False)
            patch.setattr(sys.modules["dnnlib.util"], "EasyDict", EasyDict, raising=False)
            stream = io.BytesIO()
            pickler(stream, protocol).dump(tree)
            return stream.getvalue()


@pytest.fixture
def tensorflow(golden, tmp_path):
    return TensorFlow(golden, tmp_path)
