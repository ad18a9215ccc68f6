"""A file of text that is checked to be UTF-8 while it is read, so that the line which is not can be named."""

import codecs
import io
from pathlib import Path

from roadworthy.model_cards import InputError

_PIECE = 2**24


class Utf8File(io.RawIOBase):
    """Read only, from the beginning to the end.

    Raises:
        InputError: when a byte is read that is not UTF-8; the line is named.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file = path.open("rb")
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._cut = False  # whether the last piece ended within a character

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end."""
        before, data = self._file.tell(), self._file.read(size)
        if data.isascii() and not self._cut:  # a twentieth of the time that decoding takes
            return data
        try:
            self._decoder.decode(data, final=not data)
            self._cut = bool(self._decoder.getstate()[0])
        except UnicodeDecodeError as error:
            line = self._lines(before) + data.count(b"\n", 0, max(0, error.start)) + 1
            raise InputError(
                f"line {line} of {self._path} is not UTF-8. Expected UTF-8 text. Convert the file, for example: "
                f"iconv -f latin1 -t utf-8 {self._path.name} > utf8-{self._path.name}"
            ) from error
        return data

    def _lines(self, size: int) -> int:
        """How many end in the first ``size`` bytes."""
        with self._path.open("rb") as file:
            pieces = (file.read(min(_PIECE, size - start)) for start in range(0, size, _PIECE))
            return sum(piece.count(b"\n") for piece in pieces)

    def tell(self) -> int:
        """Bytes read so far."""
        return self._file.tell()

    def close(self) -> None:
        """No more is read."""
        self._file.close()
        super().close()
