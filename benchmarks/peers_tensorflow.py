"""Runs NVIDIA's published TensorFlow programs, for ``benchmarks/interop.py``, as ``peers.py`` does the PyTorch ones.

    python benchmarks/peers_tensorflow.py PROGRAM CHECKOUT JOBS.json

Of Progressive GAN, StyleGAN, StyleGAN2 and StyleGAN2-ADA, on the CPU under TensorFlow 2, whose version 1 interface is
put in place of the TensorFlow they ask for: what is gone from it (``contrib``), or known to GPUs alone (operators of
their own, channels before rows), is stood in for.
"""

import importlib
import importlib.util
import inspect
import json
import multiprocessing
import os
import pickle
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
import tensorflow.compat.v1 as tf

COUNT, PSIS, DISTURBANCE = 4, (1.0, 0.7), 0.1
ALL_LAYERS = 1000
"""As a cutoff of truncation, which StyleGAN otherwise applies to eight layers."""

Answers = dict[str, np.ndarray]


# --- TensorFlow 1 -----------------------------------------------------------------------------------------------------


class _Anything(types.ModuleType):
    """A module that has whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock()


def stand_in() -> None:
    """What the programs import, in place."""
    tf.disable_v2_behavior()
    nccl, boards = ("contrib", "contrib.nccl", "contrib.opt"), ("", ".summary", ".plugins", ".plugins.custom_scalar")
    for name in (*(f"tensorflow.{one}" for one in nccl), *(f"tensorboard{one}" for one in boards)):
        sys.modules[name] = _Anything(name)
    sys.modules["tensorboard.plugins.custom_scalar.layout_pb2"] = _Anything("layout_pb2")
    tf.contrib = sys.modules["tensorflow.contrib"]
    sys.modules["tensorflow"] = tf
    tf.nn.conv2d = channels_last(tf.nn.conv2d, "strides")
    tf.nn.conv2d_transpose = channels_last(tf.nn.conv2d_transpose, "strides", "output_shape")
    tf.nn.depthwise_conv2d = channels_last(tf.nn.depthwise_conv2d, "strides")
    for name in ("avg_pool", "max_pool"):
        setattr(tf.nn, name, channels_last(getattr(tf.nn, name), "strides", "ksize"))
    tf.get_variable = whole_sizes(tf.get_variable)


def whole_sizes(function: Callable[..., Any]) -> Callable[..., Any]:
    """``get_variable``, which took True for a size of 1 once."""

    def wrapped(name: str, shape: Any = None, **options: Any) -> Any:
        return function(name, shape=shape if shape is None else [int(side) for side in shape], **options)

    return wrapped


def channels_last(function: Callable[..., Any], *shapes: str) -> Callable[..., Any]:
    """The function, which takes channels before rows on GPUs alone, by way of channels after columns."""
    signature = inspect.signature(function)

    def by_way(*positional: Any, **named: Any) -> Any:
        given = signature.bind(*positional, **named).arguments
        if given.get("data_format") != "NCHW":
            return function(*positional, **named)
        given["data_format"] = "NHWC"
        first = next(iter(given))
        given[first] = tf.transpose(given[first], [0, 2, 3, 1])
        for name in shapes:
            shape = given[name]
            given[name] = [shape[i] for i in (0, 2, 3, 1)]
        return tf.transpose(function(**given), [0, 3, 1, 2])

    return by_way


def without_compiler() -> None:
    """The programs' own operators have twins in plain TensorFlow; these are taken."""
    for name in ("fused_bias_act", "upfirdn_2d"):
        try:
            module = importlib.import_module(f"dnnlib.tflib.ops.{name}")
        except ModuleNotFoundError:  # before StyleGAN2
            return
        for function in [key for key in vars(module) if key.endswith("_cuda")]:
            setattr(module, function, getattr(module, function.replace("_cuda", "_ref")))


# --- the programs -----------------------------------------------------------------------------------------------------


class ProGAN:
    """Progressive GAN's own program."""

    def __init__(self) -> None:
        tfutil = importlib.import_module("tfutil")
        config = {"allow_soft_placement": True}
        tfutil.init_tf(config)
        self.save, self.set_vars = importlib.import_module("misc").save_pkl, tfutil.set_vars
        self._network = tfutil.Network

    def network(self, name: str, options: dict[str, Any]) -> Any:
        kept = dict(options)
        return self._network(name, func=kept.pop("func_name"), **kept)


class StyleGAN:
    """The programs built on ``dnnlib``, from StyleGAN to StyleGAN2-ADA."""

    def __init__(self) -> None:
        tflib = importlib.import_module("dnnlib.tflib")
        without_compiler()
        tflib.init_tf({"allow_soft_placement": True})
        self.save, self.set_vars = self._save, tflib.set_vars
        if importlib.util.find_spec("training.misc"):
            self.save = importlib.import_module("training.misc").save_pkl
        self._network = tflib.Network

    def network(self, name: str, options: dict[str, Any]) -> Any:
        return self._network(name, **options)

    def _save(self, networks: Any, path: str) -> None:
        """As StyleGAN2-ADA's training does."""
        with Path(path).open("wb") as file:
            pickle.dump(networks, file)


def disturb(program: Any, network: Any, *, lod: float, random: np.random.RandomState) -> None:
    """So that no bias, strength or average is what it is made as."""
    changes = {}
    values = tf.get_default_session().run(list(network.vars.values()))
    for (name, variable), value in zip(network.vars.items(), values, strict=True):
        if name in network.trainables:
            rate = 10 if "G_mapping/Dense" in name and name.endswith("bias") else 1  # run with a gain of 0.01
            changes[variable] = value + DISTURBANCE * rate * random.randn(*value.shape)
        elif name.endswith(("dlatent_avg", "w_avg")):
            changes[variable] = value + DISTURBANCE * random.randn(*value.shape)
        elif name == "lod":
            changes[variable] = lod
    program.set_vars(changes)


def write(program: Any, job: dict[str, Any]) -> Answers:
    tf.set_random_seed(job["seed"])
    random = np.random.RandomState(job["seed"])
    G = program.network("G", job["G"])
    D = program.network("D", job["D"])
    Gs = G.clone("Gs")
    for network in (G, D, Gs):
        disturb(program, network, lod=job.get("lod", 0.0), random=random)
    program.save((G, D, Gs), job["write"])
    found: Answers = {}
    for name, network in (("G", G), ("G_ema", Gs)):
        found |= {f"{name}/{psi}": value for psi, value in pictures(network, job).items()}
    found["D"] = scores(D, job)
    return found


def pictures(network: Any, job: dict[str, Any]) -> Answers:
    """Of seeds 0 to 3."""
    z = np.concatenate([np.random.RandomState(seed).randn(1, network.input_shapes[0][1]) for seed in range(COUNT)])
    found: Answers = {}
    for psi in PSIS if job["styles"] else PSIS[:1]:
        truncated = {"truncation_psi": psi, "truncation_cutoff": ALL_LAYERS, "randomize_noise": False}
        options = truncated | job.get("run", {}) if job["styles"] else {}
        found[f"psi{psi:g}"] = network.run(z, labels(job), minibatch_size=COUNT, **options)
    return found


def labels(job: dict[str, Any]) -> np.ndarray:
    count = job["G"]["label_size"]
    return np.eye(count)[[seed % count for seed in range(COUNT)]] if count else np.zeros((COUNT, 0))


def scores(network: Any, job: dict[str, Any]) -> np.ndarray:
    with np.load(job["judged"]) as shown:
        inputs = (shown["images"], labels(job))[: network.num_inputs]
    found = network.run(*inputs, minibatch_size=COUNT)
    return found[0] if isinstance(found, tuple | list) else found


def answer(name: str, job: dict[str, Any]) -> None:
    """One job, and what became of it in one line."""
    try:
        program = ProGAN() if name == "progan" else StyleGAN()
        np.savez(job["answers"], **write(program, job))
        print(json.dumps({"error": None}), flush=True)
    except Exception as error:  # the next may do
        traceback.print_exc()
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}), flush=True)


def main() -> None:
    name, checkout, jobs = sys.argv[1:]
    stand_in()
    sys.path.insert(0, checkout)
    for job in json.loads(Path(jobs).read_text()):
        # a graph only grows, and with it the time that everything takes
        one = multiprocessing.get_context("fork").Process(target=answer, args=(name, job))
        one.start()
        one.join()
        if one.exitcode:
            print(json.dumps({"error": f"ends with {one.exitcode}"}), flush=True)


if __name__ == "__main__":
    main()
