import json

import pytest

from stylegans.config import DCGAN, Growth, Run, Training
from stylegans.config.codec import flatten, from_dict, from_json, to_dict, to_json
from stylegans.errors import UserError
from stylegans.presets import PRESETS, get


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


@pytest.mark.parametrize("name", PRESETS)
def test_every_presets_networks_come_back_as_what_they_were(name):
    assert from_json(Run, to_json(get(name))) == get(name)


def test_a_network_is_read_by_its_family(small_run):
    values = to_dict(small_run())
    assert values["generator"]["family"] == "stylegan2"
    values["generator"]["family"] = "stylegan9"
    with pytest.raises(UserError, match=r"config\.generator\.family: 'stylegan9' is none of 'gan'"):
        from_dict(Run, values)


def test_a_network_of_another_family_is_refused():
    with pytest.raises(UserError, match="not the config of a dcgan network"):
        from_dict(DCGAN, {"family": "gan"})


def test_a_growth_schedule_comes_back(small_run):
    run = small_run(growth=Growth(start=4, batch=((4, 16), (8, 8)), lr=((8, 0.002),)))
    assert from_json(Run, to_json(run)) == run
