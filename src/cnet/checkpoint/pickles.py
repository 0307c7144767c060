"""A reader of pickles that runs nothing: it knows a few opcodes, and is told what names mean.

A pickle is a program for a machine with a stack. Python's own reader imports any name in it, and
calls it. This one builds numbers, strings and containers itself, and leaves names, calls and
external objects to a `Vocabulary`, which refuses all that it does not know. Every count is checked
against the length of the pickle, and nothing is recursive.
"""

import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

CONSTANTS: dict[int, Callable[[], Any]] = {
    ord("N"): lambda: None, 0x88: lambda: True, 0x89: lambda: False,
    ord("}"): dict, ord("]"): list, ord(")"): tuple, 0x8F: set,
}  # fmt: skip
"""Opcodes that push a new object."""

NUMBERS = {ord("K"): "<B", ord("M"): "<H", ord("J"): "<i", ord("G"): ">d"}
"""Opcodes that push a number, with its format."""

TEXTS = {ord("U"): "<B", ord("T"): "<I", ord("X"): "<I", 0x8C: "<B", 0x8D: "<Q"}
BYTES = {ord("C"): "<B", ord("B"): "<I", 0x8E: "<Q"}
LONGS = {0x8A: "<B", 0x8B: "<I"}
"""Opcodes that push a string, bytes or a long integer, with the format of its length."""

MEMO_GET = {ord("h"): "<B", ord("j"): "<I"}
MEMO_PUT = {ord("q"): "<B", ord("r"): "<I"}

REFUSED = {
    ord("i"): "INST", ord("o"): "OBJ", 0x81: "NEWOBJ", 0x92: "NEWOBJ_EX", 0x82: "EXT1",
    0x83: "EXT2", 0x84: "EXT4", ord("P"): "PERSID", ord("0"): "POP", ord("1"): "POP_MARK",
    ord("2"): "DUP", ord("I"): "INT", ord("L"): "LONG", ord("F"): "FLOAT", ord("S"): "STRING",
    ord("V"): "UNICODE", ord("d"): "DICT", ord("l"): "LIST", ord("g"): "GET", ord("p"): "PUT",
    0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
}  # fmt: skip
"""Names of other opcodes, for messages."""

PROTOCOLS = range(2, 6)


class Vocabulary(Protocol):
    """What the names in a pickle mean."""

    def find(self, module: str, name: str) -> Any:
        """The object that stands for a name; ValueError if it is unknown."""

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        """The result of a call of a found object; ValueError if it cannot be called."""

    def persistent(self, key: Any) -> Any:
        """The object outside the pickle with this key."""


class Reader:
    """Reads one pickle from `content`, from `position` on, which then is its end."""

    def __init__(self, content: bytes, vocabulary: Vocabulary, position: int = 0) -> None:
        self.position = position
        self._content = content
        self._vocabulary = vocabulary
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def read(self) -> Any:
        """The object; ValueError if the pickle is invalid or has more than plain data."""
        while True:
            opcode = self._take(1)[0]
            if opcode == ord("."):
                result = self._pop()
                if self._stack or self._marks:
                    raise ValueError("its pickle ends with more than one object")
                return result
            if opcode in CONSTANTS:
                self._stack.append(CONSTANTS[opcode]())
            elif opcode in NUMBERS:
                self._stack.append(self._number(NUMBERS[opcode]))
            elif opcode in TEXTS:
                self._stack.append(self._text(TEXTS[opcode]))
            elif opcode in BYTES:
                self._stack.append(self._sized(BYTES[opcode]))
            elif opcode in LONGS:
                self._stack.append(
                    int.from_bytes(self._sized(LONGS[opcode]), "little", signed=True)
                )
            elif opcode in MEMO_GET:
                self._stack.append(self._remembered(self._number(MEMO_GET[opcode])))
            elif opcode in MEMO_PUT:
                self._memo[self._number(MEMO_PUT[opcode])] = self._top()
            elif opcode in ACTIONS:
                ACTIONS[opcode](self)
            else:
                self._refuse(opcode)

    # Bytes

    def _take(self, count: int) -> bytes:
        start, self.position = self.position, self.position + count
        if self.position > len(self._content):
            raise ValueError("its pickle is cut short")
        return self._content[start : self.position]

    def _number(self, format: str) -> Any:
        return struct.unpack(format, self._take(struct.calcsize(format)))[0]

    def _sized(self, format: str) -> bytes:
        return self._take(self._number(format))

    def _text(self, format: str) -> str:
        return self._sized(format).decode("utf-8", "surrogatepass")

    def _line(self) -> str:
        end = self._content.find(b"\n", self.position)
        if end < 0:
            raise ValueError("its pickle is cut short")
        return self._take(end + 1 - self.position)[:-1].decode()

    def _protocol(self) -> None:
        protocol = self._take(1)[0]
        if protocol not in PROTOCOLS:
            raise ValueError(f"its pickle must have protocol 2 to 5 (got {protocol})")

    def _frame(self) -> None:
        length = self._number("<Q")
        if length > len(self._content) - self.position:
            raise ValueError("its pickle is cut short")

    # Stack

    def _top(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise ValueError("its pickle takes more objects than it has made")
        return self._stack[-1]

    def _pop(self) -> Any:
        self._top()
        return self._stack.pop()

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _since_mark(self) -> list[Any]:
        if not self._marks:
            raise ValueError("its pickle has no mark where one is needed")
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _remembered(self, number: int) -> Any:
        if number not in self._memo:
            raise ValueError(f"its pickle refers to an object that it has not made ({number})")
        return self._memo[number]

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._top()

    # Containers

    def _tuple(self, items: list[Any]) -> None:
        self._stack.append(tuple(items))

    def _pop_tuple(self, length: int) -> None:
        self._tuple([self._pop() for _ in range(length)][::-1])

    def _container(self, kind: type) -> Any:
        top = self._top()
        if not isinstance(top, kind):
            raise ValueError(f"its pickle adds items to an object that is no {kind.__name__}")
        return top

    def _append(self, items: list[Any]) -> None:
        self._container(list).extend(items)

    def _add(self, items: list[Any]) -> None:
        self._container(set).update(map(checked_key, items))

    def _frozenset(self) -> None:
        self._stack.append(frozenset(map(checked_key, self._since_mark())))

    def _set_items(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise ValueError("its pickle has a key without a value")
        container = self._container(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            container[checked_key(key)] = value

    # Names

    def _global(self) -> None:
        module, name = self._line(), self._line()
        self._stack.append(self._vocabulary.find(module, name))

    def _stack_global(self) -> None:
        module, name = self._pop_tuple_of_names()
        self._stack.append(self._vocabulary.find(module, name))

    def _pop_tuple_of_names(self) -> tuple[str, str]:
        name, module = self._pop(), self._pop()
        if not (type(name) is str and type(module) is str):
            raise ValueError("its pickle has a name that is not a string")
        return module, name

    def _reduce(self) -> None:
        args, function = self._pop(), self._pop()
        if type(args) is not tuple:
            raise ValueError("its pickle calls a function without a tuple of arguments")
        self._stack.append(self._vocabulary.call(function, args))

    def _build(self) -> None:
        """Set the metadata of a state dict; no other object has attributes."""
        state, target = self._pop(), self._top()
        if not (
            type(target) is OrderedDict and type(state) is dict and set(state) == {"_metadata"}
        ):
            raise ValueError(
                f"its pickle sets attributes of an object of type {type(target).__name__} "
                "(opcode BUILD)"
            )
        target._metadata = state["_metadata"]  # type: ignore[attr-defined]

    def _persistent(self) -> None:
        self._stack.append(self._vocabulary.persistent(self._pop()))

    def _refuse(self, opcode: int) -> None:
        if REFUSED.get(opcode) == "INST":
            self._vocabulary.find(self._line(), self._line())
        name = REFUSED.get(opcode, hex(opcode))
        raise ValueError(
            f"its pickle has the opcode {name}; only tensors and plain containers are read"
        )


ACTIONS: dict[int, Callable[[Reader], None]] = {
    0x80: Reader._protocol,
    0x95: Reader._frame,
    ord("("): Reader._mark,
    ord("t"): lambda reader: reader._tuple(reader._since_mark()),
    0x85: lambda reader: reader._pop_tuple(1),
    0x86: lambda reader: reader._pop_tuple(2),
    0x87: lambda reader: reader._pop_tuple(3),
    ord("a"): lambda reader: reader._append([reader._pop()]),
    ord("e"): lambda reader: reader._append(reader._since_mark()),
    ord("s"): lambda reader: reader._set_items([reader._pop(), reader._pop()][::-1]),
    ord("u"): lambda reader: reader._set_items(reader._since_mark()),
    0x90: lambda reader: reader._add(reader._since_mark()),
    0x91: Reader._frozenset,
    0x94: Reader._memoize,
    ord("c"): Reader._global,
    0x93: Reader._stack_global,
    ord("R"): Reader._reduce,
    ord("b"): Reader._build,
    ord("Q"): Reader._persistent,
}
"""All other opcodes."""

SCALARS = (str, int, float, bytes, type(None))


def checked_key(key: Any) -> Any:
    """A key of a dict or an item of a set: a scalar, or a tuple of scalars.

    The hash of nested tuples could take exponential time.
    """
    items = key if type(key) is tuple else (key,)
    if not all(isinstance(item, SCALARS) for item in items):
        raise ValueError(f"its pickle has a key of type {type(key).__name__}")
    return key
