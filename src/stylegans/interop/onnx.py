"""Generators as ONNX files, for programs without PyTorch.

A file holds a whole generator or one of its halves, as a graph that takes batches of any size. Truncation is an input,
a number; so are the labels of a conditional model. Noise is either the stored maps, or drawn in the graph, anew each
time it runs, or left out. Nothing is written before onnxruntime has computed from it what PyTorch computes.
"""

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from stylegans.errors import RunFailed, UserError
from stylegans.files.atomic import atomic_file
from stylegans.networks.base import GeneratorNetwork, Synthesis
from stylegans.networks.mapping import LatentMapping
from stylegans.networks.protocol import Noise
from stylegans.networks.pyramid import NAME as LOD
from stylegans.nn.noise import stored_maps

What = Literal["generator", "mapping", "synthesis"]
"""What a file computes: z to images, z to ws, or ws to images."""

OPSET = 20
"""The default: what torch.onnx recommends, and onnxruntime runs whole. It has no kernel for random noise from 22 on."""

OLDEST_OPSET = 18
"""What torch.onnx writes without converting downwards."""

TOLERANCE = 1e-4
"""Between onnxruntime and PyTorch, as a part of the range of what PyTorch computes."""

BATCHES = (1, 4)
"""Batch sizes at which the two are compared."""

MISSING = "ONNX files need libraries that are missing: pip install 'stylegans[onnx]'"


# --- what is exported -------------------------------------------------------------------------------------------------


class MappingGraph(nn.Module):
    """z ``[N, z_dim]``, c ``[N, c_dim]`` and ψ, a number, → ws ``[N, num_ws, w_dim]``; each if the model takes it."""

    def __init__(self, mapping: LatentMapping) -> None:
        super().__init__()
        self.mapping = mapping

    def forward(self, z: Tensor | None = None, c: Tensor | None = None, truncation: Tensor | None = None) -> Tensor:
        ws = self.mapping(z, c)
        return ws if truncation is None else self.mapping.w_avg.lerp(ws, truncation)


class SynthesisGraph(nn.Module):
    """ws ``[N, num_ws, w_dim]`` → images ``[N, C, H, W]``. Random maps are drawn as one tensor per noise input."""

    def __init__(self, synthesis: Synthesis, noise: Noise) -> None:
        super().__init__()
        self.synthesis, self.noise = synthesis, noise

    def forward(self, ws: Tensor) -> Tensor:
        if self.noise != "random":
            return self.synthesis(ws, noise=self.noise)
        return with_maps(self.synthesis, ws, draw_maps(self.synthesis, ws.shape[0]))


class GeneratorGraph(nn.Module):
    """z ``[N, z_dim]``, c ``[N, c_dim]`` and ψ, a number, → images ``[N, C, H, W]``."""

    def __init__(self, mapping: MappingGraph, synthesis: SynthesisGraph) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis

    def forward(self, z: Tensor | None = None, c: Tensor | None = None, truncation: Tensor | None = None) -> Tensor:
        return self.synthesis(self.mapping(z, c, truncation))


def draw_maps(synthesis: Synthesis, n: int) -> dict[str, Tensor]:
    """Noise ``[n, 1, H, W]`` for every noise input, under the name of the map it stands for."""
    maps = stored_maps(synthesis)
    return {name: torch.randn(n, 1, *each.shape) for name, each in maps.items()}  # a generator would have no export


def with_maps(synthesis: Synthesis, ws: Tensor, maps: dict[str, Tensor]) -> Tensor:
    """The images with these maps for the stored ones."""
    images: Tensor = torch.func.functional_call(synthesis, maps, (ws,))
    return images


def graph_of(generator: GeneratorNetwork, what: What, noise: Noise) -> nn.Module:
    """The module to export, apart from ``generator``.

    The stage of growth becomes a constant: which levels there are is the shape of the graph.
    """
    own = copy.deepcopy(generator).cpu().to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    for module in own.modules():
        if LOD in module._buffers:
            lod = float(cast(Tensor, module._buffers.pop(LOD)))
            setattr(module, LOD, lod)
    mapping, synthesis = MappingGraph(own.mapping), SynthesisGraph(own.synthesis, noise)
    graphs = {"generator": GeneratorGraph(mapping, synthesis), "mapping": mapping, "synthesis": synthesis}
    return graphs[what].eval()


def example_inputs(generator: GeneratorNetwork, what: What, n: int) -> dict[str, Tensor]:
    """Inputs of a batch of ``n`` under the names that they have in the file: those that the model takes."""
    source = torch.Generator().manual_seed(n)
    if what == "synthesis":
        whole = example_inputs(generator, "generator", n)
        mapping = graph_of(generator, "mapping", "const")
        with torch.no_grad():
            return {"ws": mapping(**whole)}
    inputs = {}
    if generator.z_dim:
        inputs["z"] = torch.randn(n, generator.z_dim, generator=source)
    if generator.c_dim:
        inputs["c"] = torch.eye(generator.c_dim)[torch.arange(n) % generator.c_dim]
    if generator.mapping.w_avg_beta is not None:
        inputs["truncation"] = torch.tensor(0.7)
    return inputs


# --- the file ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exported:
    """What was written."""

    inputs: dict[str, tuple[str, ...]]
    """Name → its sizes, 'N' where any goes."""
    output: str
    error: float
    """The largest difference between onnxruntime and PyTorch, as a part of the range of PyTorch's numbers."""


def write(
    path: str | Path,
    generator: GeneratorNetwork,
    *,
    what: What = "generator",
    noise: Noise = "const",
    opset: int = OPSET,
    metadata: Mapping[str, str] | None = None,
) -> Exported:
    """Write ``generator`` as an ONNX file, after onnxruntime has agreed with PyTorch on batches of 1 and of 4.

    Args:
        what: 'generator', or one of its halves.
        noise: 'const', 'random' or 'none'.
        opset: version of ONNX's operators.
        metadata: goes into the file.

    Raises:
        UserError: the libraries are missing, or the model or the libraries lack what is asked for.
        RunFailed: it cannot be exported, or onnxruntime refuses it or computes something else; nothing is written.
    """
    require_libraries()
    check(generator, what, noise, opset)
    graph = graph_of(generator, what, noise)
    model = convert(graph, example_inputs(generator, what, max(BATCHES)), what, opset)
    tidy(model, {} if metadata is None else metadata)
    error = verify(model, graph, (example_inputs(generator, what, n) for n in BATCHES))
    with atomic_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
    inputs = {value.name: _sizes(value) for value in model.graph.input}
    return Exported(inputs=inputs, output=model.graph.output[0].name, error=error)


def require_libraries() -> None:
    """
    Raises:
        UserError: one is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError(f"{MISSING} ({error})") from error


def check(generator: GeneratorNetwork, what: What, noise: Noise, opset: int) -> None:
    """
    Raises:
        UserError: the model or the libraries lack what is asked for.
    """
    import onnx

    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise UserError(f"--opset: {opset} is not between {OLDEST_OPSET} and {newest}, the newest that onnx knows")
    if noise != "const" and what == "mapping":
        raise UserError(f"--noise: the mapping network has no noise inputs; leave out --noise {noise}")
    if noise != "const" and not generator.has_noise:
        raise UserError(f"--noise: this model has no noise inputs, so only 'const' is meaningful, not '{noise}'")


def convert(graph: nn.Module, inputs: dict[str, Tensor], what: What, opset: int) -> Any:
    """The ONNX model of ``graph``, dynamic in the batch.

    Raises:
        RunFailed: the exporter cannot.
    """
    batch = torch.export.Dim("N", min=1)
    shapes: dict[str, Any] = {name: {0: batch} if value.ndim else {} for name, value in inputs.items()}
    output = "ws" if what == "mapping" else "images"
    try:
        with _quiet():
            program = torch.onnx.export(
                graph,
                kwargs=inputs,
                dynamic_shapes=shapes,
                input_names=list(inputs),
                output_names=[output],
                opset_version=opset,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause = str(error.__cause__ or error).partition("\n")[0]
        raise RunFailed(f"torch.onnx cannot export this model at opset {opset}: {cause}") from error
    assert program is not None
    return program.model_proto


def tidy(model: Any, metadata: Mapping[str, str]) -> None:
    """Say what the model is; leave out where in this machine's sources every node came from."""
    import onnx

    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    model.producer_name, model.producer_version = "stylegans", ""
    graph.name = "stylegans"
    onnx.helper.set_model_props(model, dict(metadata))


def verify(model: Any, graph: nn.Module, batches: Iterable[dict[str, Tensor]]) -> float:
    """The largest difference between onnxruntime and PyTorch, as a part of the range of PyTorch's numbers.

    Where the graph draws noise, both are given the same.

    Raises:
        RunFailed: onnxruntime cannot run the model, or the difference is too large.
    """
    given, drawn = with_noise_as_inputs(model)
    worst = 0.0
    for inputs in batches:
        expected, maps = _by_pytorch(graph, inputs)
        if len(maps) != len(drawn):
            raise RunFailed(f"the graph draws {len(drawn)} noise maps where the model has {len(maps)}")
        if drawn:
            by_onnxruntime(model, inputs)
        found = by_onnxruntime(given, inputs | dict(zip(drawn, maps, strict=True)))
        error = float((found - expected).abs().max() / (expected.max() - expected.min()))
        if not error <= TOLERANCE:
            raise RunFailed(f"onnxruntime computes something else: {error:.1e} of the range away, not {TOLERANCE}")
        worst = max(worst, error)
    return worst


def by_onnxruntime(model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
    """What an ONNX model computes.

    Raises:
        RunFailed: onnxruntime cannot run it.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    except Exception as error:  # onnxruntime's share no other base
        raise RunFailed(f"onnxruntime cannot run it: {str(error).splitlines()[0]}") from error
    return torch.from_numpy(found)


def _by_pytorch(graph: nn.Module, inputs: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
    """What PyTorch computes, and the noise it drew for that."""
    synthesis = graph.synthesis if isinstance(graph, GeneratorGraph) else graph
    with torch.no_grad():
        if not isinstance(synthesis, SynthesisGraph) or synthesis.noise != "random":
            return graph(**inputs), []
        ws = graph.mapping(**inputs) if isinstance(graph, GeneratorGraph) else inputs["ws"]
        maps = draw_maps(synthesis.synthesis, ws.shape[0])
        return with_maps(synthesis.synthesis, ws, maps), list(maps.values())


def with_noise_as_inputs(model: Any) -> tuple[Any, list[str]]:
    """The model with inputs in place of the noise it draws, and their names in the order of the layers."""
    import onnx

    given = copy.deepcopy(model)
    random = [node for node in given.graph.node if node.op_type.startswith("RandomNormal")]
    for node in random:
        given.graph.input.append(onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None))
        given.graph.node.remove(node)
    return given, [node.output[0] for node in random]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks about itself: operators of libraries that are not there, its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="# The axis name: N will not be used", category=UserWarning)
            warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\)", category=FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def _sizes(value: Any) -> tuple[str, ...]:
    return tuple(side.dim_param or str(side.dim_value) for side in value.type.tensor_type.shape.dim)
