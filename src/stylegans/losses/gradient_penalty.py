"""Penalties on the discriminator's gradient with respect to the picture, and on the size of its scores.

Scores are ``[N, 1]``, pictures ``[N, C, H, W]``. ``scores`` must be computed from ``images``, which require
gradients; every penalty is ``[N]`` and differentiable once more.
"""

import torch
from torch import Tensor

from stylegans.ops.random import Source, rand


def r1(scores: Tensor, images: Tensor) -> Tensor:
    """R1: ‖∇ₓD(x)‖² at real pictures (Mescheder et al. 2018, equation 9). The loss is γ/2 times this.

    Args:
        scores: ``[N, 1]``, computed from ``images``.
        images: ``[N, C, H, W]``, requiring gradients.

    Returns:
        ``[N]``, differentiable once more.
    """
    return _gradient(scores, images).square().sum(dim=[1, 2, 3])


def r2(scores: Tensor, images: Tensor) -> Tensor:
    """R2: ‖∇ₓD(x)‖² at generated pictures (Mescheder et al. 2018, equation 10). The loss is γ/2 times this.

    The functional is R1's; only the pictures differ.
    """
    return r1(scores, images)


def difference(scores: Tensor, shifted: Tensor, *, sigma: float) -> Tensor:
    """((D(x + σε) - D(x)) / σ)² with ε ~ N(0, 1): an estimate of ‖∇ₓD(x)‖² without second derivatives.

    To first order its expectation is the squared norm, since E[(gᵀε)²] = ‖g‖². It takes the place of R1 and R2
    (the approximated R1 of Lin et al. 2025, arXiv 2501.08316).

    Args:
        scores: D(x), ``[N, 1]``.
        shifted: D(x + σε), ``[N, 1]``.
        sigma: σ, in units of the pictures.
    """
    return ((shifted - scores) / sigma).square().squeeze(1)


def wgan_gp(scores: Tensor, images: Tensor, target: float = 1.0) -> Tensor:
    """(‖∇ₓD(x̂)‖₂ - target)² at interpolated pictures (Gulrajani et al. 2017, equation 3). The loss is λ times this.

    Args:
        scores: ``[N, 1]``, computed from ``images``.
        images: ``[N, C, H, W]``, from ``interpolate``, requiring gradients.
        target: the norm to keep; 1 in the paper.
    """
    # vector_norm has derivative 0 at 0; a square root would give a flat critic NaN.
    return (torch.linalg.vector_norm(_gradient(scores, images), dim=[1, 2, 3]) - target).square()


def interpolate(real: Tensor, fake: Tensor, *, generator: Source) -> Tensor:
    """x̂ = εx + (1 - ε)x̃, one ε ~ U[0, 1] per sample (Gulrajani et al. 2017, algorithm 1).

    Args:
        real: x, ``[N, C, H, W]``.
        fake: x̃, of the same shape.
        generator: draws ε.
    """
    epsilon = rand(real.shape[0], 1, 1, 1, source=generator, device=real.device).to(real)
    return epsilon * real + (1 - epsilon) * fake


def drift(scores_real: Tensor) -> Tensor:
    """D(x)² at real pictures, against the drift of a critic's scores (Progressive GAN, appendix A.1).

    The loss is ε_drift times this, 0.001 in the paper.
    """
    return scores_real.square().squeeze(1)


def _gradient(scores: Tensor, images: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient
