from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from stylegans.networks.protocol import has_mapping_network


def generator(mapping: Any, num_ws: int) -> Any:
    return SimpleNamespace(mapping=mapping, num_ws=num_ws)


@pytest.mark.parametrize("num_ws", [1, 4])
def test_w_is_learned_where_the_mapping_has_parameters(num_ws: int) -> None:
    assert has_mapping_network(generator(nn.Linear(2, 2), num_ws))
    assert not has_mapping_network(generator(nn.Identity(), num_ws))


def test_of_a_mapping_that_is_no_module_the_number_of_ws_tells() -> None:
    assert has_mapping_network(generator(lambda z: z, 4))
    assert not has_mapping_network(generator(lambda z: z, 1))
