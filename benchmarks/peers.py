"""Runs a published program, for ``benchmarks/interop.py``: has it write checkpoints and say what it makes of them.

    python benchmarks/peers.py PROGRAM CHECKOUT JOBS.json

A process of its own for each program, since their modules are called alike, with what the programs import (torch,
click, requests, scipy). ``PROGRAM`` is 'nvidia' (stylegan2-ada-pytorch, stylegan3) or 'rosinality'. The jobs are a
list:

    {"write": FILE, "answers": NPZ, …}   build networks with the options given, disturb them, save them as the program's
                                         training (or converter) does, and keep its pictures and scores in NPZ
    {"open": FILE, "answers": NPZ, …}    open a file that is already there as the program does, and keep the same

"judged" names an NPZ of the pictures that discriminators are shown.
Nothing of ``stylegans`` is imported here.
"""

import argparse
import copy
import json
import pickle
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch

SEEDS = range(4)
PSIS = (1.0, 0.7)
DISTURBANCE = 0.1
Answers = dict[str, np.ndarray]


def latents(z_dim: int) -> torch.Tensor:
    """The latents of seeds 0 to 3, as these programs draw them."""
    return torch.from_numpy(np.concatenate([np.random.RandomState(seed).randn(1, z_dim) for seed in SEEDS])).float()


def labels(c_dim: int) -> torch.Tensor:
    """Of as many samples: classes 0, 1, 2, 3."""
    return torch.eye(c_dim)[[seed % c_dim for seed in SEEDS]] if c_dim else torch.zeros(len(SEEDS), 0)


def judged(job: dict[str, Any]) -> torch.Tensor:
    """What discriminators are shown."""
    with np.load(job["judged"]) as shown:
        return torch.from_numpy(shown["images"])


@torch.no_grad()
def disturb(module: torch.nn.Module) -> None:
    """So that no bias, strength or average is what it is made as."""
    for name, value in module.named_parameters():
        rate = 10 if "mapping.fc" in name or name.startswith("style.") else 1  # those run with a gain of 0.01
        value.add_(torch.randn_like(value), alpha=DISTURBANCE * rate)
    for name, value in module.named_buffers():
        if name.endswith("w_avg"):
            value.add_(torch.randn_like(value), alpha=DISTURBANCE)
        if name.endswith("magnitude_ema"):
            value.mul_(torch.exp(torch.randn_like(value) * 0.3))


# --- stylegan2-ada-pytorch and stylegan3 ------------------------------------------------------------------------------


def easy(options: dict[str, Any]) -> Any:
    """Options as the trainings hold them, groups and all."""
    import dnnlib

    return dnnlib.EasyDict({name: easy(one) if isinstance(one, dict) else one for name, one in options.items()})


def write_nvidia(job: dict[str, Any]) -> Answers:
    import dnnlib

    torch.manual_seed(job["seed"])
    networks: dict[str, Any] = {}
    for name in ("G", "D"):
        if name in job:
            networks[name] = dnnlib.util.construct_class_by_name(**easy(job[name])).train().requires_grad_(False)
            disturb(networks[name])
    if "G" in networks:
        networks["G_ema"] = copy.deepcopy(networks["G"]).eval()
        disturb(networks["G_ema"])
        if "transform" in job:
            networks["G_ema"].synthesis.input.transform.copy_(torch.tensor(job["transform"]))
    pipe = dnnlib.util.construct_class_by_name(**easy(job["augment_pipe"])) if "augment_pipe" in job else None
    options = {"class_name": "training.dataset.ImageFolderDataset", "path": "/data/cats.zip", "use_labels": False}
    content = {"training_set_kwargs": dnnlib.EasyDict(options)}
    for name, module in [("G", networks.get("G")), ("D", networks.get("D")), ("G_ema", networks.get("G_ema")),
                         ("augment_pipe", pipe)]:  # fmt: skip
        if module is not None:
            module = copy.deepcopy(module).eval().requires_grad_(False).cpu()
        content[name] = module
    with Path(job["write"]).open("wb") as file:
        pickle.dump(networks[job["alone"]].eval() if "alone" in job else content, file)
    return nvidia_answers({name: network.eval() for name, network in networks.items()}, job)


def open_nvidia(job: dict[str, Any]) -> Answers:
    import legacy

    with Path(job["open"]).open("rb") as file:
        return nvidia_answers(legacy.load_network_pkl(file), job)


@torch.no_grad()
def nvidia_answers(networks: dict[str, Any], job: dict[str, Any]) -> Answers:
    found: Answers = {}
    for name in ("G", "G_ema"):
        if networks.get(name) is not None:
            G = networks[name]
            z, c = latents(G.z_dim), labels(G.c_dim)
            for psi in PSIS:
                images = G(z, c, truncation_psi=psi, noise_mode="const", force_fp32=True)
                found[f"{name}/psi{psi:g}"] = images.numpy()
    if networks.get("D") is not None:
        D = networks["D"]
        found["D"] = D(judged(job), labels(D.c_dim), force_fp32=True).numpy()
    return found


# --- rosinality's stylegan2-pytorch -----------------------------------------------------------------------------------


def rosinality_networks(options: dict[str, Any]) -> tuple[Any, Any]:
    import model

    G = model.Generator(options["size"], options["latent"], options["n_mlp"], options["channel_multiplier"])
    return G, model.Discriminator(options["size"], channel_multiplier=options["channel_multiplier"])


def write_rosinality(job: dict[str, Any]) -> Answers:
    """As its train.py ('training') or its convert_weight.py saves."""
    torch.manual_seed(job["seed"])
    options = job["options"]
    G, D = rosinality_networks(options)
    g_ema, _ = rosinality_networks(options)
    for network in (G, D, g_ema):
        disturb(network)
    if job["kind"] == "training":
        optimizers = [torch.optim.Adam(network.parameters(), lr=0.002, betas=(0.0, 0.99)) for network in (G, D)]
        (G([latents(options["latent"])])[0].mean() + D(judged(job)).mean()).backward()
        for optimizer in optimizers:
            optimizer.step()
        content = {"g": G.state_dict(), "d": D.state_dict(), "g_ema": g_ema.state_dict()}
        content |= {"g_optim": optimizers[0].state_dict(), "d_optim": optimizers[1].state_dict()}
        content |= {"args": argparse.Namespace(**options, path="/data/cats", augment=True), "ada_aug_p": 0.25}
        averages = {}
    else:
        average = torch.randn(options["latent"]) * DISTURBANCE
        averages = {"G_ema": average, "G": average}
        content = {"g_ema": g_ema.state_dict(), "latent_avg": average}
        if job["kind"] == "converted with g and d":
            content |= {"g": G.state_dict(), "d": D.state_dict()}
    torch.save(content, job["write"], _use_new_zipfile_serialization=job["zip"])
    networks = {"g_ema": g_ema, "g": G, "d": D}
    return rosinality_answers({name: network for name, network in networks.items() if name in content}, averages, job)


def open_rosinality(job: dict[str, Any]) -> Answers:
    content = torch.load(job["open"], map_location="cpu", weights_only=False)
    networks = {
        name: rosinality_networks(job["options"])[name == "d"] for name in ("g_ema", "g", "d") if name in content
    }
    for name, network in networks.items():
        network.load_state_dict(content[name])
    averages = {"G_ema": content["latent_avg"], "G": content.get("g_latent_avg", content["latent_avg"])}
    return rosinality_answers(networks, averages, job)


@torch.no_grad()
def rosinality_answers(networks: dict[str, Any], averages: dict[str, torch.Tensor], job: dict[str, Any]) -> Answers:
    """``averages``: what truncation pulls towards, where the file says it."""
    found: Answers = {}
    for name in ("G_ema", "G"):
        if name.lower() not in networks:
            continue
        G = networks[name.lower()]
        mean = averages.get(name)
        if mean is None:  # the program draws one anew each time; our reader takes this one
            many = torch.randn(10_000, G.style_dim, generator=torch.Generator().manual_seed(0))
            mean = G.style(many).mean(dim=0)
        for psi in PSIS:
            found[f"{name}/psi{psi:g}"] = G.eval()(
                [latents(G.style_dim)], truncation=psi, truncation_latent=mean[None], randomize_noise=False
            )[0].numpy()
    if "d" in networks:
        found["D"] = networks["d"].eval()(judged(job)).numpy()
    return found


PROGRAMS = {"nvidia": (write_nvidia, open_nvidia), "rosinality": (write_rosinality, open_rosinality)}


def without_compiler() -> None:
    """Their operators for GPUs are not compiled: on the CPU they take their plain ones."""
    import torch.utils.cpp_extension

    torch.utils.cpp_extension.load = lambda *arguments, **options: None


def main() -> None:
    program, checkout, jobs = sys.argv[1:]
    sys.path.insert(0, checkout)
    without_compiler()
    torch.set_num_threads(1)
    write, opened = PROGRAMS[program]
    for job in json.loads(Path(jobs).read_text()):
        try:
            np.savez(job["answers"], **(write(job) if "write" in job else opened(job)))
            print(json.dumps({"error": None}), flush=True)
        except Exception as error:  # the next may do
            traceback.print_exc()
            print(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}), flush=True)


if __name__ == "__main__":
    main()
