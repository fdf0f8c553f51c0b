import torch

from stylegans.losses.gradient_penalty import r1


def test_r1_of_a_linear_score_is_the_norm_of_its_weights():
    w, images = torch.randn(3, 4, 4, requires_grad=True), torch.randn(2, 3, 4, 4, requires_grad=True)
    scores = (images * w).sum(dim=[1, 2, 3])[:, None]
    penalty = r1(scores, images)
    torch.testing.assert_close(penalty, w.square().sum().expand(2))
    penalty.sum().backward()
    torch.testing.assert_close(w.grad, 4 * w.detach())
