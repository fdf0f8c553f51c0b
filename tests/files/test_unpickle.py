import builtins
import contextlib
import copyreg
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from stylegans.errors import UserError
from stylegans.files.unpickle import ARRAYS, Call, unpickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def read(content: bytes, **options: Any) -> Any:
    return unpickle(content, allowed=ARRAYS, where="x.pkl", **options)


class Evil:
    """Its pickle asks for ``function(*arguments)``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.request = (function, arguments)

    def __reduce__(self) -> Any:
        return self.request


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_and_arrays_come_back_as_they_were(protocol: int) -> None:
    values = {
        "text": "é", "bytes": b"\0\xff", "list": [1, 2.5, None, True, (3, -(10**30))],
        "u1": np.arange(12, dtype=np.uint8).reshape(3, 4), "f4": np.float32([[1.5]]), ">i2": np.array([1, -2], ">i2"),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "empty": np.zeros((0, 3), np.int64),
    }  # fmt: skip
    found = read(pickle.dumps(values, protocol))
    assert found.keys() == values.keys()
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            assert found[name].dtype == value.dtype.newbyteorder("=")  # NumPy's reader swaps
            assert np.array_equal(np.asarray(found[name]), value)
        else:
            assert found[name] == value


def test_texts_that_python_2_wrote_can_stay_bytes() -> None:
    content = b"\x80\x02}q\x01U\x04dataq\x02U\x02\xff\x00s."
    assert read(content, encoding="bytes") == {b"data": b"\xff\0"}
    assert read(content, encoding="latin1") == {"data": "ÿ\0"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("module", ["os", "posix", "builtins", "numpy"])
def test_nothing_else_is_run(module: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    evil = {
        "os": Evil(os.mkdir, str(mark)), "posix": Evil(os.system, f"mkdir {mark}"),
        "builtins": Evil(builtins.eval, f"__import__('os').mkdir({str(mark)!r})"), "numpy": Evil(np.load, str(mark)),
    }[module]  # fmt: skip
    content = pickle.dumps([1, evil], protocol)
    with pytest.raises(
        UserError, match=r"^x\.pkl: asks for [\w.]+, which no such file needs; nothing was run$"
    ) as caught:
        read(content)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def test_what_was_asked_for_is_named_and_cannot_write_to_the_terminal() -> None:
    with pytest.raises(UserError, match=r"asks for posix\.system,"):
        read(pickle.dumps(Evil(os.system, "true")))
    with pytest.raises(UserError, match=r"asks for 'a\\x1b\[2Jb\.c'"):
        read(b"ca\x1b[2Jb\nc\n.")


@pytest.mark.parametrize(
    "name", ["numpy.core.multiarray\nscalar", "numpy\nndarray.tofile", "numpy\nfrombuffer", "_codecs\ndecode"]
)
def test_neighbours_of_what_is_allowed_are_not(name: str) -> None:
    with pytest.raises(UserError, match="asks for"):
        read(f"c{name}\n.".encode())


def test_dotted_names_reach_nothing_inside_what_is_allowed() -> None:
    content = b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93."
    with pytest.raises(UserError, match=r"asks for numpy\.ndarray\.__init__"):
        read(content)


def test_registered_extensions_are_refused_even_when_this_process_knows_them() -> None:
    copyreg.add_extension("os", "system", 77)
    try:
        pickle.loads(b"\x80\x02\x82\x4d.")  # now in the cache that find_class is not asked about
        with pytest.raises(UserError, match="registered extension"):
            read(b"\x80\x02\x82\x4d.")
    finally:
        copyreg.remove_extension("os", "system", 77)
        copyreg.clear_extension_cache()


def test_references_to_the_outside_are_refused() -> None:
    with pytest.raises(UserError, match="outside"):
        read(b"\x80\x02X\x01\x00\x00\x00aQ.")


def test_a_pickle_cannot_change_what_it_is_given() -> None:
    call = Call(len)
    build = b"\x80\x02ca\nb\n}X\x09\x00\x00\x00_functionK\x01sb."  # a.b.__dict__ = {"_function": 1}
    slots = b"\x80\x02ca\nb\nN}X\x09\x00\x00\x00_functionK\x01s\x86b."  # setattr(a.b, "_function", 1)
    for content in (build, slots):
        with pytest.raises(UserError):
            unpickle(content, allowed={("a", "b"): call}, where="x")
    assert call("abc") == 3


@pytest.mark.parametrize(
    "array",
    [np.array([object], object), np.array(["a"]), np.zeros(2, [("a", "i4")]), np.array(["2020"], "M8[D]")],
    ids=["objects", "texts", "records", "dates"],
)
def test_arrays_of_anything_but_numbers_are_refused(array: np.ndarray) -> None:
    content = pickle.dumps(array if array.dtype != object else np.array([None], object), 2)
    with pytest.raises(UserError, match="not of numbers"):
        read(content)


def array_of(shape: tuple[int, ...], content: bytes, start: object = (0,)) -> bytes:
    """A pickled uint8 array with a state of one's own."""

    class Array:
        def __reduce__(self) -> Any:
            state = (1, shape, np.dtype(np.uint8), False, content)
            return np.zeros(0).__reduce__()[0], (np.ndarray, start, b"b"), state

    return pickle.dumps(Array(), 2)


class Buffer:
    """An array as protocol 5 writes it, with arguments of one's own."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __reduce__(self) -> Any:
        return np.zeros(1).__reduce_ex__(5)[0], self.arguments


def test_an_array_of_protocol_5_has_memory_of_its_own_and_no_more_than_its_bytes() -> None:
    u1 = np.dtype(np.uint8)
    for content in (b"abcd", bytearray(b"abcd")):
        found = read(pickle.dumps(Buffer(content, u1, (2, 2), "C"), 5))
        assert found.tolist() == [[97, 98], [99, 100]]
        assert found.flags.writeable
    assert read(pickle.dumps(Buffer(b"abcd", u1, (2, 2), "F"), 5)).tolist() == [[97, 99], [98, 100]]
    for shape in ((10**12,), (3, 2), (-2, -2), (2**40, 2**40), 4, (2.0, 2.0)):
        with pytest.raises(UserError):
            read(pickle.dumps(Buffer(b"abcd", u1, shape, "C"), 5))
    for arguments in (("abcd", u1, (4,), "C"), (b"abcd", "u1", (4,), "C"), (b"abcd", u1, (4,), "K")):
        with pytest.raises(UserError, match="as no pickler does"):
            read(pickle.dumps(Buffer(*arguments), 5))


def test_an_arrays_shape_must_be_that_of_its_bytes() -> None:
    assert read(array_of((2, 2), b"abcd")).tolist() == [[97, 98], [99, 100]]
    for shape in ((10**12,), (3, 2), (-2, -2), (2**40, 2**40)):
        with pytest.raises(UserError):
            read(array_of(shape, b"abcd"))
    with pytest.raises(UserError, match="as no pickler does"):
        read(array_of((4,), b"abcd", start=(10**15,)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".",  # bytes of 2^60, which are not there
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",
        b"\x80\x02Nr\xff\xff\xff\xff.",  # a memo of 2^32 places
        b"\x80\x63.",
    ],
)
def test_false_lengths_and_damage_are_one_line(content: bytes) -> None:
    with pytest.raises(UserError, match=r"^x\.pkl: ") as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_a_pickle_beyond_the_limit_is_not_read() -> None:
    with pytest.raises(UserError, match="at most 10"):
        read(pickle.dumps("x" * 100), largest=10)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_pickle_raises_nothing_but_a_user_error(position: int, value: int) -> None:
    content = bytearray(pickle.dumps({"data": np.arange(64, dtype=np.uint8), "labels": [1, 2, 3]}, 2))
    content[position % len(content)] = value
    with contextlib.suppress(UserError):
        read(bytes(content), encoding="bytes")


def test_a_caller_may_allow_more() -> None:
    content = pickle.dumps(OrderedDict(a=1))
    with pytest.raises(UserError, match=r"asks for collections\.OrderedDict"):
        read(content)
    allowed = {**ARRAYS, ("collections", "OrderedDict"): OrderedDict}
    assert unpickle(content, allowed=allowed, where="x") == OrderedDict(a=1)
