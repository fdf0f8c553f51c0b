"""One side of ``benchmarks/speed.py``: a process that computes what it is told, and says how long it took.

    python benchmarks/speed_sides.py SIDE [CHECKOUT] [--threads 2] [--device cpu] [--tuned]

SIDE is 'ours', 'stylegan3' or 'ada' (NVIDIA's PyTorch programs), 'rosinality' or 'roof' (the machine's convolutions).
It reads a line of JSON for each order and answers with one:

    {"case": {…}}     build what the case needs (see ``Case``)
    {"run": 1}        compute it so many times: seconds, and the process's own seconds in user and system mode
    {"memory": true}  compute it twice: the most memory above what the process held before the networks were built
    {"flop": true}    compute it once: the operations of its convolutions and matrix products

Sides import nothing of each other: the published programs' modules are called alike, and so are ours to nobody.
"""

import argparse
import copy
import ctypes
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Work = Callable[[], Any]

PROCESS = ExitStack()
"""What stays as long as the process."""

HELD: list[torch.nn.Module] = []
"""The averages of the other programs' generators: every training holds one, ours too."""

MIXING, GAMMA, PL_WEIGHT, PL_SHRINK, PL_DECAY = 0.9, 1.0, 2.0, 2, 0.01


@dataclass(frozen=True)
class Case:
    """What is computed: 'generate', or one of the phases 'Gmain', 'Gpl', 'Dmain', 'Dr1' of a training."""

    work: str
    network: str
    """'stylegan2' (skip generator, residual discriminator) or 'stylegan3-t'."""
    size: int
    batch: int
    channel_base: int
    channel_max: int = 512
    precision: str = "float32"
    """'bfloat16': ours alone."""
    compiled: bool = False
    """Ours alone."""


# --- ours -------------------------------------------------------------------------------------------------------------


def ours(case: Case, device: torch.device) -> Work:
    from stylegans.config.adjust import with_size
    from stylegans.presets import delta, fitted

    size = (case.size, case.size)
    config = with_size(fitted({"stylegan2": "stylegan2-f"}.get(case.network, case.network), size), size)
    config = delta.generator(config, channel_base=case.channel_base, channel_max=case.channel_max)
    if case.work == "generate":
        return our_pictures(case, config, device)
    from stylegans.runs.compiling import compile_players
    from stylegans.runs.machine import return_memory
    from stylegans.training.loop import descend
    from stylegans.training.setup import start
    from stylegans.training.state import Sample

    config = delta.discriminator(
        config, channel_base=case.channel_base, channel_max=case.channel_max, mbstd_group=min(4, case.batch)
    )
    config = delta.training(
        config,
        batch=case.batch,
        r1_gamma=GAMMA,
        style_mixing=MIXING,
        precision=case.precision,
        pl_batch_shrink=PL_SHRINK,
    )
    config = replace(config, outputs=replace(config.outputs, compile=case.compiled))
    state, phases = start(config, device=device)
    for line in compile_players(state):
        print(line, file=sys.stderr)
    return_memory()  # as a run does
    name = {"Gmain": "loss_G", "Gpl": "path_length", "Dmain": "loss_D", "Dr1": "R1"}[case.work]
    (phase,) = (phase for phase in phases if phase.terms[0].name == name)
    images = torch.randn(case.batch, 3, case.size, case.size, device=device)
    sample = Sample(
        images=images.contiguous(memory_format=torch.channels_last),
        labels=torch.zeros(case.batch, 0, device=device),
        random=state.random,
    )
    return lambda: descend(state, phase, sample)


def our_pictures(case: Case, config: Any, device: torch.device) -> Work:
    from stylegans.networks.compiled import compile_synthesis
    from stylegans.networks.families import build_generator
    from stylegans.networks.graphed import graphed
    from stylegans.networks.precision import set_precision

    torch.manual_seed(0)
    G = build_generator(config.generator).to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    set_precision(G, getattr(torch, case.precision))
    if case.compiled:
        compile_synthesis(G.synthesis)
    else:
        PROCESS.enter_context(graphed(G.synthesis, device))  # as the command line draws
    z = torch.randn(case.batch, G.z_dim, device=device)
    return without_gradients(lambda: G(z))


# --- NVIDIA's PyTorch programs ----------------------------------------------------------------------------------------


def nvidia(case: Case, device: torch.device, *, program: str) -> Work:
    import dnnlib

    assert case.precision == "float32"
    sg3 = program == "stylegan3"
    widths = {"channel_base": case.channel_base, "channel_max": case.channel_max}
    plain = {"num_fp16_res": 0, "conv_clamp": None}
    common = {"c_dim": 0, "img_resolution": case.size, "img_channels": 3}
    module = "training.networks" if not sg3 else f"training.networks_{case.network.removesuffix('-t')}"
    options: dict[str, Any] = {"class_name": f"{module}.Generator", "z_dim": 512, "w_dim": 512, **common}
    if case.network == "stylegan3-t":
        options |= {**widths, "mapping_kwargs": {"num_layers": 2}, "num_fp16_res": 0, "conv_clamp": None}
    elif sg3:
        options |= {**widths, **plain, "mapping_kwargs": {"num_layers": 8}}
    else:
        options |= {"mapping_kwargs": {"num_layers": 8}, "synthesis_kwargs": {**widths, **plain}}
    torch.manual_seed(0)
    G = dnnlib.util.construct_class_by_name(**options).to(device)
    if case.work == "generate":
        G = G.eval().requires_grad_(False)
        z, c = torch.randn(case.batch, 512, device=device), torch.zeros(case.batch, 0, device=device)
        return without_gradients(lambda: G(z, c, noise_mode="const") if case.network == "stylegan2" else G(z, c))
    options = {
        "class_name": ("training.networks_stylegan2" if sg3 else "training.networks") + ".Discriminator",
        **(common | widths | plain),
        "epilogue_kwargs": {"mbstd_group_size": min(4, case.batch)},
    }
    D = dnnlib.util.construct_class_by_name(**options).to(device)
    return nvidia_phase(case, G, D, device, sg3=sg3)


def nvidia_phase(case: Case, G: Any, D: Any, device: torch.device, *, sg3: bool) -> Work:
    from training.loss import StyleGAN2Loss

    HELD.append(copy.deepcopy(G).eval())
    shared = {"device": device, "D": D, "r1_gamma": GAMMA, "style_mixing_prob": MIXING, "pl_weight": PL_WEIGHT,
              "pl_batch_shrink": PL_SHRINK, "pl_decay": PL_DECAY}  # fmt: skip
    if sg3:  # for StyleGAN2 its trainings set the last one
        loss = StyleGAN2Loss(G=G, pl_no_weight_grad=True, **shared)
    else:
        loss = StyleGAN2Loss(G_mapping=G.mapping, G_synthesis=G.synthesis, **shared)
    name = {"Gmain": "Gmain", "Gpl": "Greg", "Dmain": "Dmain", "Dr1": "Dreg"}[case.work]
    player = G if name.startswith("G") else D
    interval = {"Greg": 4, "Dreg": 16}.get(name, 1)
    c = interval / (interval + 1)
    optimizer = torch.optim.Adam(player.parameters(), lr=0.002 * c, betas=(0.0, 0.99**c), eps=1e-8)
    images = torch.randn(case.batch, 3, case.size, case.size, device=device)
    labels = torch.zeros(case.batch, 0, device=device)
    extra: dict[str, Any] = {"cur_nimg": 0} if sg3 else {"sync": True}
    for network in (G, D):
        network.train().requires_grad_(False)

    def work() -> None:
        optimizer.zero_grad(set_to_none=True)
        player.requires_grad_(True)
        z = torch.randn(case.batch, 512, device=device)
        loss.accumulate_gradients(
            phase=name, real_img=images, real_c=labels, gen_z=z, gen_c=labels, gain=interval, **extra
        )
        player.requires_grad_(False)
        finite(player)
        optimizer.step()

    return work


# --- rosinality's stylegan2-pytorch: its networks, under the paper's losses -------------------------------------------


def rosinality(case: Case, device: torch.device) -> Work:
    import model

    assert case.precision == "float32"
    assert case.network == "stylegan2"
    multiplier = case.channel_base // 16384
    torch.manual_seed(0)
    G = model.Generator(case.size, 512, 8, channel_multiplier=multiplier).to(device)
    if case.work == "generate":
        G.eval().requires_grad_(False)
        z = torch.randn(case.batch, 512, device=device)
        return without_gradients(lambda: G([z], randomize_noise=False)[0])
    D = model.Discriminator(case.size, channel_multiplier=multiplier).to(device)
    HELD.append(copy.deepcopy(G).eval())
    player = G if case.work.startswith("G") else D
    optimizer = torch.optim.Adam(player.parameters(), lr=0.002, betas=(0.0, 0.99), eps=1e-8)
    images = torch.randn(case.batch, 3, case.size, case.size, device=device)
    mean = torch.zeros([], device=device)

    def latents(count: int) -> list[Tensor]:
        """Two of them, mixed, most of the time."""
        return [torch.randn(count, 512, device=device) for _ in range(2 if torch.rand([]) < MIXING else 1)]

    def loss() -> Tensor:
        nonlocal mean
        if case.work == "Gmain":
            return torch.nn.functional.softplus(-D(G(latents(case.batch))[0])).mean()
        if case.work == "Dmain":
            with torch.no_grad():
                fakes = G(latents(case.batch))[0]
            return (torch.nn.functional.softplus(D(fakes)) + torch.nn.functional.softplus(-D(images))).mean()
        if case.work == "Dr1":
            reals = images.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(D(reals).sum(), reals, create_graph=True)
            return gradient.square().sum(dim=[1, 2, 3]).mean() * (GAMMA / 2 * 16)
        pictures, ws = G(latents(max(case.batch // PL_SHRINK, 1)), return_latents=True)
        y = torch.randn_like(pictures) / case.size
        (gradient,) = torch.autograd.grad((pictures * y).sum(), ws, create_graph=True)
        lengths = gradient.square().sum(dim=2).mean(dim=1).sqrt()
        mean = mean + PL_DECAY * (lengths.mean().detach() - mean)
        return (lengths - mean).square().mean() * (PL_WEIGHT * 4)

    def work() -> None:
        for network in (G, D):
            network.requires_grad_(network is player)
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        finite(player)
        optimizer.step()

    return work


# --- the machine ------------------------------------------------------------------------------------------------------


def roof(case: Case, device: torch.device) -> Work:
    """A convolution whose shape suits the machine: ``ROOF_FLOP`` operations a call."""
    dtype = getattr(torch, case.precision)
    x = torch.randn(4, 256, 64, 64, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    w = torch.randn(256, 256, 3, 3, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    return without_gradients(lambda: torch.nn.functional.conv2d(x, w, padding=1))


ROOF_FLOP = 2 * 4 * 256 * 256 * 9 * 64 * 64
"""Operations of one call of ``roof``."""


# --- the process ------------------------------------------------------------------------------------------------------


def without_gradients(work: Work) -> Work:
    return torch.no_grad()(work)


def finite(network: torch.nn.Module) -> None:
    """As all of these programs do, but for rosinality's."""
    for parameter in network.parameters():
        if parameter.grad is not None:
            torch.nan_to_num(parameter.grad, nan=0, posinf=1e5, neginf=-1e5, out=parameter.grad)


def keep_blocks() -> None:
    """The allocator's setting of ``stylegans.runs.machine.tune_allocator``, for the other programs."""
    libc = ctypes.CDLL(None)
    for name, value in ((-4, 0), (-1, -1), (-2, 0)):
        libc.mallopt(name, value)


def resident(field: str) -> int:
    """Bytes of this process: 'VmRSS' now, 'VmHWM' at most since it was reset."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) * 1024


def most_held(device: torch.device, at_rest: int) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else resident("VmHWM") - at_rest


def counted(work: Work) -> int:
    """Operations of convolutions and matrix products, ours."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    from stylegans.ops import packed

    class Counter(TorchDispatchMode):
        flop = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            if func.overloadpacket in flop_registry:
                self.flop += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out)
            return out

    pixels, packed.PIXELS = packed.PIXELS, 0  # packed weights are convolved by operations that are not in the registry
    with Counter() as counter:
        work()
    packed.PIXELS = pixels
    return counter.flop


def timed(work: Work, times: int, device: torch.device) -> dict[str, Any]:
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for _ in range(times):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    own = {"user": after.ru_utime - before.ru_utime, "system": after.ru_stime - before.ru_stime}
    return {"seconds": seconds / times, **{name: value / times for name, value in own.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=["ours", "stylegan3", "ada", "rosinality", "roof"])
    parser.add_argument("checkout", nargs="?")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tuned", action="store_true")
    options = parser.parse_args()
    if options.tuned:
        keep_blocks()
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = True  # as all of them train
    device = torch.device(options.device)
    if options.checkout:
        sys.path.insert(0, options.checkout)
    if options.checkout and device.type == "cpu":  # their operators for GPUs are not compiled there
        from torch.utils import cpp_extension

        cpp_extension.load = lambda *arguments, **others: None
    if options.side in ("stylegan3", "ada"):
        build: Callable[[Case], Work] = lambda case: nvidia(case, device, program=options.side)  # noqa: E731
    else:
        build = lambda case: {"ours": ours, "rosinality": rosinality, "roof": roof}[options.side](case, device)  # noqa: E731
    work: Work = lambda: None  # noqa: E731
    at_rest = 0
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, Any] = {}
        if "case" in order:
            at_rest = resident("VmRSS")
            work = build(Case(**order["case"]))
        elif "memory" in order:
            with suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            work()
            work()  # the first made the optimizer's moments, at its end
            answer = {"bytes": most_held(device, at_rest)}
        elif "flop" in order:
            answer = {"flop": counted(work)}
        else:
            answer = timed(work, order["run"], device)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
