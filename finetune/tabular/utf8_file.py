"""A file of text that is checked to be UTF-8 while it is read, so that the line which is not can be named."""

import codecs
import io
from pathlib import Path

from roadworthy.model_cards import InputError


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
        self._lines = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end."""
        data = self._file.read(size)
        try:
            self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            line = self._lines + data.count(b"\n", 0, max(0, error.start)) + 1
            raise InputError(
                f"line {line} of {self._path} is not UTF-8. Expected UTF-8 text. Convert the file, for example: "
                f"iconv -f latin1 -t utf-8 {self._path.name} > utf8-{self._path.name}"
            ) from error
        self._lines += data.count(b"\n")
        return data

    def tell(self) -> int:
        """Bytes read so far."""
        return self._file.tell()

    def close(self) -> None:
        """No more is read."""
        self._file.close()
        super().close()
