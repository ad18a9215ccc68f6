"""What can go wrong, by who can act on it.

    RoadworthyError
    ├── InputError       the user's input or usage: data, a reference, an option     (exit 2)
    ├── CheckError       a check failed or the gate refused                          (exit 1)
    └── StorageError     bytes could not be read, written or trusted                 (exit 3)
        ├── DamagedError     stored bytes do not match their digest
        └── NotFoundError    nothing of that name is stored

A message says what happened, what was expected, what was found, and what to do next.
"""


class RoadworthyError(Exception):
    """Root of every error that Roadworthy raises on purpose."""


class InputError(RoadworthyError):
    """The user's data, reference or option cannot be used as it is."""


class CheckError(RoadworthyError):
    """A check was made and the answer is no."""

    def __init__(self, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons


class StorageError(RoadworthyError):
    """A disk or a server could not do what was asked of it."""


class DamagedError(StorageError):
    """Stored bytes do not match the digest they were stored under."""


class NotFoundError(StorageError):
    """Nothing is stored under that reference or key."""
