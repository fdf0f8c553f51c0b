import re
import shutil
from dataclasses import replace

import pytest
import torch

from stylegans.data.pipeline import Batch
from stylegans.errors import UserError
from stylegans.networks import compiled as networks
from stylegans.networks.compiled import is_compiled
from stylegans.presets import get
from stylegans.runs import compiling
from stylegans.training.loop import train
from stylegans.training.setup import start

CPU = torch.device("cpu")


def asking(run):
    return replace(run, outputs=replace(run.outputs, compile=True))


@pytest.mark.parametrize(("preset", "why"), [("stylegan", "networks that grow"), ("dcgan", "family dcgan")])
def test_networks_that_compiling_does_not_suit_are_refused(preset, why):
    compiling.check(get(preset))
    with pytest.raises(UserError, match=f"--compile: .*{why}"):
        compiling.check(asking(get(preset)))


def test_without_a_compiler_a_training_says_so_and_runs(small_run, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    state, _ = start(asking(small_run()), device=CPU)
    (said,) = compiling.compile_players(state)
    assert re.fullmatch(r"--compile: there is no C\+\+ compiler \(.*\); training runs without", said)
    assert not is_compiled(state.discriminator)


def test_without_a_compiler_a_generator_says_so_and_draws(small_run, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    G, said = start(small_run(), device=CPU)[0].generator_ema, []
    with compiling.compiled(G, lambda: None, wanted=True, tell=said.append):
        assert not is_compiled(G.synthesis)
    assert len(said) == 1
    assert re.fullmatch(r"--compile: there is no C\+\+ compiler \(.*\); it runs without", said[0])


def test_what_pytorch_cannot_compile_runs_as_written(small_run, monkeypatch):
    from torch._dynamo.exc import TorchDynamoException

    def fail():
        raise TorchDynamoException("no such thing\nand more")

    monkeypatch.setattr(networks, "why_not", lambda device: None)
    G, said = start(small_run(), device=CPU)[0].generator_ema, []
    with compiling.compiled(G, fail, wanted=True, tell=said.append):
        assert not is_compiled(G.synthesis)
    assert said == ["--compile: PyTorch could not compile it (TorchDynamoException: no such thing); it runs without"]


def test_compiling_is_left_out_unless_wanted(small_run):
    state, _ = start(small_run(), device=CPU)
    assert list(compiling.compile_players(state)) == []
    with compiling.compiled(state.generator_ema, lambda: 1 / 0, wanted=False, tell=print):
        assert not is_compiled(state.generator_ema.synthesis)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # of PyTorch's compiler about PyTorch
@pytest.mark.skipif(networks.why_not(CPU) is not None, reason="nothing can be compiled here")
def test_a_compiled_training_takes_the_same_steps_within_rounding(small_run):
    batch = Batch(torch.randint(256, (4, 3, 16, 16), dtype=torch.uint8), torch.zeros(4, 0))
    parameters = []
    for config in (small_run(), asking(small_run())):
        state, phases = start(config, device=CPU)
        before = state.random.get_state()
        for line in compiling.compile_players(state):
            assert line.startswith("compiled in ")
        assert torch.equal(state.random.get_state(), before)
        for _ in train(state, [batch] * 5, phases):  # both lazy terms among them
            pass
        parameters.append(
            [p.detach().clone() for p in (*state.generator.parameters(), *state.discriminator.parameters())]
        )
    assert is_compiled(state.discriminator)
    for found, expected in zip(*parameters, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
