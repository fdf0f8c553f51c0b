from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from stylegans.errors import UserError
from stylegans.metrics.features.inception import Inception
from stylegans.metrics.features.inception_weights import CLASSES, DIM, NAMES, match

SHAPES = [
    (c.out_channels // 8, max(c.in_channels // 8, 3), *c.kernel_size)  # an eighth of the network's, for speed
    for c in Inception().convolutions()
]

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    """Under torchvision's names, every gamma 1 as where there is none."""
    torch.manual_seed(0)
    found: State = {}
    for name, shape in zip(NAMES, SHAPES, strict=True):
        found[f"{name}.conv.weight"] = torch.randn(shape)
        found[f"{name}.bn.weight"] = torch.ones(shape[0])
        for own in ("bias", "running_mean", "running_var"):
            found[f"{name}.bn.{own}"] = torch.rand(shape[0])
    found["fc.weight"] = torch.arange(CLASSES * DIM).view(CLASSES, DIM).float()
    found["fc.bias"] = torch.rand(CLASSES)
    return found


def layers(state: State) -> list[tuple[str, list[Tensor]]]:
    """Name → weight, gamma, beta, mean, variance."""
    owns = ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    return [(name, [state[f"{name}.{own}"] for own in owns]) for name in NAMES]


def tensorflow(state: State) -> State:
    """The graph's own: [height, width, in, out], the vectors after it, no gamma, the logits' matrix turned."""
    found: State = {}
    for i, (_, (weight, _, beta, mean, variance)) in enumerate(layers(state)):
        found[f"mixed_{i}/conv/conv2d_params"] = weight.permute(2, 3, 1, 0)
        found[f"mixed_{i}/conv/batchnorm/beta"] = beta
        found[f"mixed_{i}/conv/batchnorm/moving_mean"] = mean
        found[f"mixed_{i}/conv/batchnorm/moving_variance"] = variance
    return found | {"softmax/weights": state["fc.weight"].T, "softmax/biases": state["fc.bias"]}


def vectors_first(state: State) -> State:
    """A module that lists its vectors before its kernel, with things of no concern around it."""
    found: State = {"input.mean": torch.zeros(3), "steps": torch.tensor(7)}
    for i, (_, (weight, gamma, beta, mean, variance)) in enumerate(layers(state)):
        own = {"gamma": gamma, "beta": beta, "mean": mean, "var": variance, "weight": weight}
        found |= {f"layers.conv{i}.{name}": tensor for name, tensor in own.items()}
    return found | {"output.weight": state["fc.weight"][:, :, None, None]}


def by_kind(state: State) -> State:
    """All parameters, then all buffers, as a module that has all of them itself lists them."""
    found: State = {f"w{i}": weight for i, (_, (weight, *_)) in enumerate(layers(state))}
    for kind, place in (("beta", 2), ("mean", 3), ("var", 4)):
        found |= {f"{kind}{i}": parts[place] for i, (_, parts) in enumerate(layers(state))}
    return {"logits": state["fc.weight"].T[None, None]} | found


def folded(state: State) -> State:
    """Without names, as in the constants of a frozen archive."""
    convolutions, classifier = match(state, SHAPES, where="x")
    tensors = [tensor for c in convolutions for tensor in (c.weight, c.bias)] + [classifier]
    return {f"constants.{i}": tensor for i, tensor in enumerate(tensors)}


def prefixed(state: State) -> State:
    """In another order, which does not matter where names are known."""
    return {f"base.{name}": state[name] for name in sorted(state)}


@pytest.mark.parametrize("form", [tensorflow, vectors_first, by_kind, folded, prefixed])
def test_whatever_form_a_file_gives_it_the_network_is_the_same(form: Callable[[State], State], state: State) -> None:
    expected, matrix = match(state, SHAPES, where="x")
    found, other = match(form(state), SHAPES, where="x")
    assert torch.equal(matrix, state["fc.weight"])
    assert torch.equal(other, matrix)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a.weight, b.weight)
        assert torch.equal(a.bias, b.bias)


def test_the_batch_normalisation_is_folded_with_the_published_epsilon(state: State) -> None:
    convolution = match(state | {f"{NAMES[5]}.bn.weight": torch.full((8,), 3.0)}, SHAPES, where="x")[0][5]
    weight, _, beta, mean, variance = layers(state)[5][1]
    layer = torch.nn.BatchNorm2d(8, eps=0.001).double().eval().requires_grad_(False)
    for own, value in (("weight", 3.0), ("bias", beta), ("running_mean", mean), ("running_var", variance)):
        getattr(layer, own).copy_(value)
    x = torch.randn(2, SHAPES[5][1], 5, 5).double()
    expected = layer(torch.nn.functional.conv2d(x, weight.double()))
    found = torch.nn.functional.conv2d(x, convolution.weight.double(), convolution.bias.double())
    assert (found - expected).norm() < 1e-6 * expected.norm()


def without(name: str) -> Callable[[State], State]:
    return lambda state: {key: value for key, value in state.items() if key != name}


BAD: dict[str, tuple[Callable[[State], State], str]] = {
    "nothing of it": (lambda _: {"g.w": torch.zeros(3, 3)}, "94 convolutions were expected, 0 are there"),
    "a part by name": (
        without("Mixed_6b.branch7x7_2.bn.bias"), r"Mixed_6b\.branch7x7_2\.bn\.bias is not there, \[16\] was expected"),
    "another shape by name": (
        lambda s: s | {"Mixed_5b.branch_pool.conv.weight": torch.zeros(4, 24, 3, 3)},
        r"Mixed_5b\.branch_pool\.conv\.weight is \[4, 24, 3, 3\], \[4, 24, 1, 1\] was expected"),
    "torchvision's own": (
        lambda s: s | {"fc.weight": torch.zeros(1000, DIM)}, r"one matrix \[1008, 2048\] of logits was expected, 0"),
    "a kernel": (lambda s: without("mixed_9/conv/conv2d_params")(tensorflow(s)), "94 convolutions were expected, 93"),
    "a mean": (lambda s: without("mixed_9/conv/batchnorm/moving_mean")(tensorflow(s)), "94 vectors of the role 'mean'"),
    "all variances": (
        lambda s: {k: v for k, v in tensorflow(s).items() if "variance" not in k}, "a beta, mean and variance"),
    "names of vectors": (
        lambda s: {f"c.{i}": v for i, v in enumerate(tensorflow(s).values())}, r"c\.1 is neither a beta nor"),
    "its order": (
        lambda s: dict(sorted(tensorflow(s).items())),
        r"mixed_10/conv/conv2d_params is \[3, 3, 12, 12\], \[8, 4, 3, 3\] was expected of convolution 3"),
    "a variance below zero": (
        lambda s: s | {"Conv2d_1a_3x3.bn.running_var": torch.full((4,), -1.0)}, "positive variances were expected"),
}  # fmt: skip


@pytest.mark.parametrize("lost", BAD)
def test_what_does_not_fit_is_one_line_that_says_what_was_expected(lost: str, state: State) -> None:
    change, words = BAD[lost]
    with pytest.raises(UserError, match=rf"^x\.pkl: not FID's Inception of 2015: .*{words}") as caught:
        match(change(state), SHAPES, where="x.pkl")
    assert "\n" not in str(caught.value)
