import time

import pytest

from stylegans.data.ordered import ordered


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(ordered(lambda n: (time.sleep(0.01 * (n % 3)), n)[1], range(20))) == list(range(20))


def test_an_error_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ordered(lambda n: 1 // n, [1, 0]))
