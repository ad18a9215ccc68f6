"""Whether a file without a magic is a pickle that would call something. Nothing is unpickled.

Protocols 0 and 1 begin with no magic, and a pickle calls what it names while it is being read: one that breaks off
later has run by then. So the calls are looked for, on a stack as high as pickle's own would be, and not the end.
"""

import pickletools
import re
from typing import Any, BinaryIO, cast

_CALLS = {"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"}
_NAMES = {"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}
# What an import could find; two lines of prose are none.
_IMPORTABLE = re.compile(r"[\w.]+ [\w.]+")
_MARK = pickletools.markobject


def runs_code(file: BinaryIO, size: int) -> bool:
    """Whether the ``size`` bytes of ``file`` begin as a pickle that imports and calls, or imports and ends."""
    named = False
    height: list[Any] = []  # what pickle's stack would hold: only where the marks lie matters
    try:
        # Ordinary text fails at its first bytes, so this costs nothing.
        for opcode, argument, _ in pickletools.genops(cast("BinaryIO", _Clamped(file, size))):
            if opcode.name in ("GLOBAL", "INST") and not _IMPORTABLE.fullmatch(str(argument)):
                return False
            named = named or opcode.name in _NAMES
            if not _moves(opcode, height):
                return False
            if named and opcode.name in _CALLS:
                return True
    except (ValueError, IndexError, KeyError, OverflowError):
        return False
    return named


def _moves(opcode: pickletools.OpcodeInfo, stack: list[Any]) -> bool:
    """Does to the stack what the opcode does; says whether there was enough on it."""
    before, after = list(opcode.stack_before), list(opcode.stack_after)
    if _MARK in before:
        if _MARK not in stack:
            return False
        # Everything down to the topmost mark, and what the opcode takes below it.
        del stack[len(stack) - 1 - stack[::-1].index(_MARK) :]
        before = before[: before.index(_MARK)]
    if len(stack) < len(before):
        return False
    if before:
        del stack[-len(before) :]
    stack += after
    return True


class _Clamped:
    """A file of which no more is asked than there is: an opcode may say that gigabytes follow."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size

    def read(self, count: int = -1) -> bytes:
        """At most ``count`` bytes."""
        left = self._size - self._file.tell()
        return self._file.read(left if count < 0 else min(count, left))

    def readline(self) -> bytes:
        """The next line."""
        return self._file.readline()

    def tell(self) -> int:
        """Where it stands."""
        return self._file.tell()
