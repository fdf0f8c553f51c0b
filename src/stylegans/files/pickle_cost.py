"""What it would take to follow a pickle, found by following its instructions on sizes alone.

A few bytes of a pickle can ask for much: for tuples of tuples that share their parts, whose hash takes 2^60 steps, or
for a thousand copies of one long text. Every copy, call and hash is charged here before anything is made.
"""

import pickletools
from collections.abc import Iterator
from typing import Any

MOST_STEPS = 2_000_000
"""Instructions in a pickle. Each may make an object of some hundred bytes."""

MOST_CALLS = 200_000
"""Calls and names in a pickle. Each may make a class, of more than a thousand bytes. Published files have ten
thousand."""

MOST_COPIES = 4
"""How often a pickle may have its own size read or copied by what it calls."""

ALLOWANCE = 10_000_000
"""Beside that, whatever its size."""

DEEPEST = 100
"""Tuples within tuples."""


class TooMuch(Exception):
    """The pickle asks for more than any pickler's files do."""


class _Value:
    """What is on the stack: of a tuple its parts, of all else how long it is."""

    __slots__ = ("depth", "length", "parts")

    def __init__(self, length: int = 1, parts: "tuple[_Value, ...] | None" = None) -> None:
        self.length, self.parts, self.depth = length, parts, 0
        if parts is not None:
            self.length = 1 + sum(part.length if part.parts is not None else 1 for part in parts)
            self.depth = 1 + max((part.depth for part in parts), default=0)


_MARK = _Value()


class _Machine:
    """A pickle's stack and memo, of sizes."""

    def __init__(self, budget: int) -> None:
        self.stack: list[_Value] = []
        self.memo: dict[int, _Value] = {}
        self.calls = 0
        self.budget = budget

    def charge(self, amount: int) -> None:
        self.budget -= amount
        if self.budget < 0:
            raise TooMuch("asks for many times what it holds, as no pickler does; nothing was run")

    def above_mark(self) -> list[_Value]:
        found: list[_Value] = []
        while (value := self.stack.pop()) is not _MARK:
            found.append(value)
        return found[::-1]

    def push(self, *values: _Value) -> None:
        self.stack += values

    def push_again(self, value: _Value) -> None:
        """What is met again may be hashed again: a tuple with all its parts."""
        if value.parts is not None:
            self.charge(value.length)
        self.push(value)

    def push_tuple(self, parts: list[_Value]) -> None:
        value = _Value(parts=tuple(parts))
        if value.depth > DEEPEST:
            raise TooMuch(f"nests tuples more than {DEEPEST} deep, as no pickler does; nothing was run")
        self.charge(value.length - len(parts))  # the parts have been paid for but where they are tuples themselves
        self.push(value)

    def call(self, arguments: list[_Value]) -> int:
        """What a call with these arguments costs, paid: it may read or copy each."""
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise TooMuch(f"has more than {MOST_CALLS} calls")
        cost = sum(argument.length for argument in arguments)
        self.charge(cost)
        return cost + 1

    def follow(self, operation: Any, argument: Any) -> None:
        stack = self.stack
        match operation.name:
            case "MARK":
                stack.append(_MARK)
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[int(argument)] = stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                self.push_again(self.memo[int(argument)])
            case "DUP":
                self.push_again(stack[-1])
            case "POP":
                stack.pop()
            case "POP_MARK":
                self.above_mark()
            case "EMPTY_TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                parts = [stack.pop() for _ in operation.stack_before]
                self.push_tuple(parts[::-1])
            case "TUPLE":
                self.push_tuple(self.above_mark())
            case "LIST" | "DICT" | "FROZENSET":
                stack.append(_Value(1 + len(self.above_mark())))
            case "APPEND" | "SETITEM":
                for _ in operation.stack_before[1:]:
                    stack.pop()
                stack[-1].length += 1
            case "APPENDS" | "SETITEMS" | "ADDITEMS":
                added = len(self.above_mark())
                stack[-1].length += added
            case "INST" | "OBJ":
                stack.append(_Value(self.call(self.above_mark())))
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX" | "BUILD":
                given = [stack.pop() for _ in operation.stack_before[1:]]
                result = self.call([part for value in given for part in value.parts or (value,)])
                if operation.name == "BUILD":
                    stack[-1].length += result
                else:
                    stack[-1] = _Value(result)
            case _:
                if operation.name in ("GLOBAL", "STACK_GLOBAL"):
                    self.call([])
                for _ in operation.stack_before:
                    stack.pop()
                length = len(argument) if isinstance(argument, str | bytes | bytearray) else 1
                stack += [_Value(length) for _ in operation.stack_after]


def steps(content: bytes) -> Iterator[tuple[Any, Any]]:
    """The instructions of a pickle and their arguments, none of which is run.

    False lengths and numbers are found before memory is taken.

    Raises:
        TooMuch: following them would take more than the file's size warrants.
        ValueError, IndexError, KeyError: no pickle, or a damaged one.
    """
    machine = _Machine(MOST_COPIES * len(content) + ALLOWANCE)
    for step, (operation, argument, _) in enumerate(pickletools.genops(content)):
        if step > MOST_STEPS:
            raise TooMuch(f"has more than {MOST_STEPS} instructions")
        machine.follow(operation, argument)
        yield operation, argument
