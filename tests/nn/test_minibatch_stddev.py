import torch
from hypothesis import given
from hypothesis import strategies as st

from stylegans.nn.minibatch_stddev import minibatch_stddev


def test_statistics_equal_the_published_ones(golden, relative_error):
    vectors = golden("ada_ops_mbstd")
    for case in vectors.config["cases"]:
        x = vectors.inputs["x"][: case["batch"]]
        found = minibatch_stddev(x, group=case["group_size"], channels=case["num_channels"])
        assert relative_error(found, vectors.outputs[case["key"]]) < 1e-6, case


def test_equal_samples_give_zero():
    x = torch.randn(1, 4, 3, 3).expand(8, -1, -1, -1)
    assert minibatch_stddev(x)[:, -1].abs().max() < 1e-3  # the root of the epsilon


def test_members_of_a_group_are_strided():
    x = torch.zeros(4, 1, 2, 2)
    x[2] = 8  # samples 0 and 2 form a group of two, 1 and 3 the other
    extra = minibatch_stddev(x, group=2)[:, -1].mean(dim=[1, 2])
    torch.testing.assert_close(extra, torch.tensor([4.0, 0.0, 4.0, 0.0]), atol=1e-3, rtol=0)


@given(n=st.integers(1, 9), group=st.none() | st.integers(1, 6))
def test_any_batch_size_works(n, group):
    assert minibatch_stddev(torch.randn(n, 2, 2, 2), group=group).shape == (n, 3, 2, 2)
