import pytest
import torch

from stylegans.nn.normalization import AdaIN, adain, instance_norm, pixel_norm


def test_vectors_come_to_lie_on_the_sphere_of_radius_root_dim():
    x = pixel_norm(torch.randn(5, 64) * 7)
    torch.testing.assert_close(x.square().mean(dim=1), torch.ones(5))


def test_instance_norm_gives_every_channel_of_every_sample_mean_0_and_variance_1():
    x = instance_norm(torch.randn(2, 3, 8, 6) * 7 + 5)
    torch.testing.assert_close(x.mean(dim=[2, 3]), torch.zeros(2, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(x.var(dim=[2, 3], correction=0), torch.ones(2, 3))


def test_a_flat_channel_stays_finite_and_becomes_the_shift():
    x = torch.full([1, 2, 4, 4], 3.0)
    assert torch.equal(instance_norm(x), torch.zeros_like(x))
    assert torch.equal(adain(x, torch.ones(1, 2), torch.full([1, 2], 5.0)), torch.full_like(x, 5))


def test_the_statistics_after_adain_are_the_style():
    layer, w = AdaIN(3, 6), torch.randn(2, 6)
    style = layer.affine(w)
    y = layer(torch.randn(2, 3, 8, 6) * 7 + 5, w)
    torch.testing.assert_close(y.std(dim=[2, 3], correction=0), (style[:, :3] + 1).abs())
    torch.testing.assert_close(y.mean(dim=[2, 3]), style[:, 3:])


def test_without_normalising_the_style_scales_and_shifts_what_is_there():
    layer, x, w = AdaIN(3, 6, normalize=False), torch.randn(2, 3, 4, 5), torch.randn(2, 6)
    scale, shift = layer.affine(w).reshape(2, 2, 3, 1, 1).unbind(dim=1)
    torch.testing.assert_close(layer(x, w), x * (scale + 1) + shift)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("n", [1, 2])  # PyTorch's own instance norm has wrong gradients of one channels_last sample
def test_adain_equals_its_definition_and_so_do_its_derivatives(memory_format, n):
    shapes = [n, 3, 4, 5], [n, 3], [n, 3]
    x, scale, shift = (torch.randn(shape, dtype=torch.float64) for shape in shapes)
    x = x.contiguous(memory_format=memory_format)

    def definition(x, scale, shift):
        x = x - x.mean(dim=[2, 3], keepdim=True)
        x = x / (x.square().mean(dim=[2, 3], keepdim=True) + 1e-8).sqrt()
        return x * scale[:, :, None, None] + shift[:, :, None, None]

    def derivatives(f):
        inputs = [t.clone().requires_grad_() for t in (x, scale, shift)]
        y = f(*inputs)
        follows = (y.contiguous(memory_format=memory_format) ** 3).sum()
        first = torch.autograd.grad(follows, inputs, create_graph=True)
        return [y, *first, *torch.autograd.grad(sum((g**2).sum() for g in first), inputs)]

    torch.testing.assert_close(derivatives(adain), derivatives(definition))

    def normalised(x, scale, shift):  # with a style of its own, which passes the gradient on
        return instance_norm(x) * scale[:, :, None, None] + shift[:, :, None, None]

    torch.testing.assert_close(derivatives(normalised), derivatives(definition))
