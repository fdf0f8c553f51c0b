import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylegans.files import pickle_cost
from stylegans.files.pickle_cost import TooMuch, steps

P = b"\x80\x02"


def follow(content: bytes) -> int:
    return sum(1 for _ in steps(content))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda part: st.lists(part) | st.tuples(part, part) | st.dictionaries(st.text() | st.tuples(st.integers()), part)
    | st.frozensets(st.integers()),
    max_leaves=30,
)  # fmt: skip


@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_what_picklers_write_is_followed_to_its_end(value: Any, protocol: int) -> None:
    assert follow(pickle.dumps(value, protocol)) > 0


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_objects_and_arrays_are_followed_to_their_end(protocol: int) -> None:
    shared = [1, 2]
    value = {"a": OrderedDict(x=np.arange(6.0), y=np.float64(1)), "b": [shared, shared], "c": {3, 4}, 5: Exception("x")}
    assert follow(pickle.dumps(value, protocol)) > 0


def test_tuples_of_tuples_that_share_their_parts_are_too_much() -> None:
    assert follow(P + b")" + b"2\x86" * 5 + b".") == 13
    with pytest.raises(TooMuch, match="many times what it holds"):
        follow(P + b")" + b"2\x86" * 60 + b".")
    with pytest.raises(TooMuch, match="many times what it holds"):
        follow(P + b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(60)) + b".")


def test_tuples_too_deep_to_hash_are_too_much() -> None:
    with pytest.raises(TooMuch, match="deep"):
        follow(P + b")" + b"\x85" * 200 + b".")


def test_one_text_read_by_many_calls_is_too_much() -> None:
    text = b"cm\nf\nq\x01" + b"X\x40\x42\x0f\x00" + b"a" * 1_000_000 + b"q\x02"
    assert follow(P + text + b"h\x01h\x02\x85R" * 3 + b".") == 18
    with pytest.raises(TooMuch, match="many times what it holds"):
        follow(P + text + b"h\x01h\x02\x85R" * 30 + b".")


def test_a_list_that_grew_after_it_was_named_counts_with_all_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_cost, "ALLOWANCE", 0)
    grown = b"cm\nf\nq\x01]q\x02\x85q\x03h\x02(" + b"N" * 1000 + b"e"
    with pytest.raises(TooMuch, match="many times what it holds"):
        follow(P + grown + b"h\x01h\x03R" * 30 + b".")


def test_steps_and_calls_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_cost, "MOST_CALLS", 10)
    with pytest.raises(TooMuch, match="more than 10 calls"):
        follow(P + b"cm\nf\n" * 11 + b".")
    monkeypatch.setattr(pickle_cost, "MOST_STEPS", 10)
    with pytest.raises(TooMuch, match="more than 10 instructions"):
        follow(P + b"N" * 11 + b".")
