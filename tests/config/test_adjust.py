from dataclasses import replace

import pytest

from stylegans.config.adjust import validate, with_channels, with_labels, with_size
from stylegans.errors import UserError


def test_both_networks_follow_the_pictures(small_run):
    run = with_labels(with_channels(with_size(small_run(), (48, 80)), 4), 7)
    assert run.generator.base == run.discriminator.base == (3, 5)
    assert run.generator.img_channels == run.discriminator.img_channels == 4
    assert run.generator.mapping.c_dim == run.discriminator.c_dim == 7


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("batch", 0, "--batch"), ("kimg", float("nan"), "--kimg"), ("r1_gamma", -1.0, "--gamma"), ("seed", -1, "--seed")],
)
def test_numbers_that_make_no_sense_are_named(small_run, field, value, says):
    run = small_run()
    with pytest.raises(UserError, match=says):
        validate(replace(run, training=replace(run.training, **{field: value})))


def test_networks_of_different_sizes_are_refused(small_run):
    run = small_run()
    other = with_size(run, (32, 32))
    with pytest.raises(UserError, match="resolution"):
        validate(replace(run, discriminator=other.discriminator))
