"""Whether operations run as they are written, so that code may choose among equal forms by what is fast."""

import torch
from torch import Tensor
from torch.autograd import forward_ad


def eager(x: Tensor) -> bool:
    """True unless something compiles, traces or exports, or ``torch.func`` or forward derivatives are at work.

    Those need operations that they know, and write their own fast forms.
    """
    return not (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._functorch.peek_interpreter_stack() is not None
        or forward_ad._current_level >= 0
        or type(x) not in (Tensor, torch.nn.Parameter)
    )


def freely(*tensors: Tensor | None) -> bool:
    """Whether what is computed of these may be written in place: on a CPU, without gradients to keep or a tracer."""
    given = [tensor for tensor in tensors if tensor is not None]
    if any(tensor.device.type != "cpu" or not eager(tensor) for tensor in given):
        return False
    return not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given))
