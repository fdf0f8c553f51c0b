import json
import math

import torch

from stylegans.training.stats import Averages


def test_means_weigh_every_element():
    averages = Averages()
    averages.add("x", torch.tensor([1.0, 2.0]))
    averages.add("x", torch.tensor([6.0]))
    assert averages.means() == {"x": 3.0}


def test_what_is_not_finite_is_named():
    averages = Averages()
    assert averages.not_finite() is None
    averages.add("good", torch.ones(2))
    averages.add("bad", torch.tensor([1.0, math.nan]))
    assert averages.not_finite() == "bad"


def test_they_survive_json_exactly():
    averages, copy = Averages(), Averages()
    averages.add("x", torch.rand(7) / 3)
    copy.load_dict(json.loads(json.dumps(averages.to_dict())), device=torch.device("cpu"))
    for a in (averages, copy):
        a.add("x", torch.ones(3) * 0.1)
    assert averages.to_dict() == copy.to_dict()
    averages.reset()
    assert averages.means() == {}
