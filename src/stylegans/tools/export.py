"""A model as a file for programs without PyTorch: loaded, written as ONNX, with its origin."""

from pathlib import Path

from stylegans import models
from stylegans.config.codec import to_json
from stylegans.files.model_file import read_model_info
from stylegans.interop import onnx
from stylegans.networks.protocol import Noise


def export(
    model: str | Path,
    path: str | Path,
    *,
    what: onnx.What = "generator",
    noise: Noise = "const",
    opset: int = onnx.OPSET,
) -> onnx.Exported:
    """Write the generator of ``model``, whatever ``models.load`` takes, as the ONNX file ``path``.

    Raises:
        UserError: there is no such model, or it or the libraries lack what is asked for.
        RunFailed: it cannot be exported, or onnxruntime computes something else; nothing is written.
    """
    onnx.require_libraries()
    generator = models.load(model)
    metadata = origin(model) | {
        "family": generator.config.family,
        "config": to_json(generator.config),
        "computes": what,
        "noise": noise,
    }
    return onnx.write(path, generator, what=what, noise=noise, opset=opset, metadata=metadata)


def origin(model: str | Path) -> dict[str, str]:
    """What the model's file says of where it comes from: 'source', 'data' and 'licence', those it knows."""
    file = models.find(model)
    if models.is_ours(file):
        info = read_model_info(file)
        said = {"data": info.data, "licence": info.licence}
    else:
        foreign = models.read_foreign(file)
        said = {"source": foreign.source, "data": foreign.data, "licence": foreign.licence}
    return {key: value for key, value in said.items() if value}
