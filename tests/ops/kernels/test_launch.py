import json
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.ops.kernels.launch import blocks, dense, is_channels_last, like, power_of_two


@given(n=st.integers(1, 5000))
def test_a_power_of_two_holds_n_and_half_of_it_does_not(n):
    assert power_of_two(n) / 2 < n <= power_of_two(n)


@given(columns=st.integers(1, 5000))
def test_a_block_has_as_many_elements_whatever_its_shape(columns):
    tall, wide = blocks(columns)
    assert tall * wide == 1024
    assert wide >= min(columns, 256)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_dense_keeps_the_order_of_memory(memory):
    x = torch.randn(2, 3, 4, 5).contiguous(memory_format=memory)
    assert dense(x) is x
    assert dense(x[:, :, 1:]).is_contiguous()  # gaps are closed, in the usual order
    assert like(x, 2, 3, 7, 7).is_contiguous(memory_format=memory)
    assert is_channels_last(x) == (memory == torch.channels_last)


def test_where_both_orders_are_one_it_is_the_usual_one():
    assert not is_channels_last(torch.randn(2, 1, 4, 5).contiguous(memory_format=torch.channels_last))


COMPILE = """
import json, os, torch, triton
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

class Driver:  # of a GPU that is not there: enough to compile for it
    def get_current_target(self): return GPUTarget("cuda", CAPABILITY, 32)
    def get_current_device(self): return 0
    def get_current_stream(self, device): return 0

triton.runtime.driver.set_active(Driver())
compiled = {}

def compile_only(self, grid):
    def run(*args, **options):
        kernel = self.warmup(*args, grid=grid, **options)
        name = self.fn.__module__.rpartition(".")[2]
        compiled[kernel.hash] = [name, len(kernel.asm["cubin"]), kernel.metadata.shared]
    return run

JITFunction.__getitem__ = compile_only

import stylegans.ops.kernels.filtered_lrelu, stylegans.ops.kernels.upfirdn
os.environ["TRITON_INTERPRET"] = "1"  # asks for kernels, which are compiled ones by now
from stylegans.ops.activation import bias_act
from stylegans.ops.filtered_lrelu import filtered_lrelu
from stylegans.ops.filters import lowpass
from stylegans.ops.resample import fir_filter, upsample

def differentiate(op, *inputs):
    wanted = [t.requires_grad_() for t in inputs]
    y = op(*wanted)
    first = torch.autograd.grad(y, wanted, torch.ones_like(y, requires_grad=True), create_graph=True)
    sum(g.sum() for g in first).backward()

f = fir_filter([1, 3, 3, 1])
fu, fd = (lowpass(12, cutoff=4, width=6, rate=32, radial=radial) for radial in (False, True))
for dtype in (torch.float32, torch.HALF):
    for memory in (torch.contiguous_format, torch.channels_last):
        x = torch.zeros(2, 32, 32, 32, dtype=dtype).contiguous(memory_format=memory)
        b, noise = torch.zeros(32), torch.zeros(32, 32)
        differentiate(lambda x: upsample(x, f), x.clone())
        differentiate(lambda x, b, noise: bias_act(x, b, noise=noise, act="lrelu", clamp=1.0), x.clone(), b, noise)
        for down in (fu, fd):
            op = lambda x, b: filtered_lrelu(x, b, up_filter=fu, down_filter=down, up=2, down=2, padding=10, clamp=1.0)
            differentiate(op, x.clone(), b)
print("COMPILED", json.dumps(sorted(compiled.values())))
"""


@pytest.mark.long
@pytest.mark.parametrize(("capability", "half"), [(80, "bfloat16"), (90, "float16")])
def test_kernels_compile_for_a_gpu_that_is_not_there(capability, half, tmp_path):
    """For Ampere and Hopper, in both orders of memory, with both derivatives, within a block's memory."""
    code = COMPILE.replace("CAPABILITY", str(capability)).replace("HALF", half)
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    compiled = json.loads(done.stdout.rpartition("COMPILED ")[2])
    assert {name for name, _, _ in compiled} == {"upfirdn", "bias_act", "filtered_lrelu"}
    assert all(code > 0 and shared <= 99 * 1024 for _, code, shared in compiled)
