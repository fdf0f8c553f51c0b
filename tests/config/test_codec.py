import json

import pytest

from stylegans.config import Run, Training
from stylegans.config.codec import flatten, from_dict, from_json, to_dict, to_json
from stylegans.errors import UserError


def test_json_gives_the_config_back(small_run):
    run = small_run(size=(24, 40), labels=3)
    assert from_json(Run, to_json(run)) == run


def test_absent_fields_take_their_defaults():
    assert from_dict(Training, {"batch": 3}) == Training(batch=3)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("training", "batch"), "many", r"config\.training\.batch"),
        (("training", "batch"), 3.5, r"config\.training\.batch"),
        (("training", "batch"), True, r"config\.training\.batch"),
        (("training", "loss"), "mse", r"config\.training\.loss"),
        (("generator", "base"), [4], r"config\.generator\.base"),
        (("generator", "mapping"), 3, r"config\.generator\.mapping"),
        (("training", "colour"), 1, "colour"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(small_run, path, value, says):
    values = to_dict(small_run())
    values[path[0]][path[1]] = value
    with pytest.raises(UserError, match=says):
        from_dict(Run, values)


def test_broken_json_is_named():
    with pytest.raises(UserError, match="here: not JSON"):
        from_json(Run, "{", where="here")


def test_flat_names_reach_every_leaf(small_run):
    flat = flatten(small_run())
    assert flat["generator.mapping.z_dim"] == 8
    assert not any(isinstance(value, dict) for value in flat.values())
    json.dumps(flat)
