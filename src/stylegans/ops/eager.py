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
