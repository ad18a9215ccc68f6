"""What only storage can say, below the tree of `roadworthy.model_cards.errors`.

StorageError
├── ExistsError             the key is taken, and nothing stored is ever overwritten
├── UnreachableError        a server does not answer, now
└── DamagedError
    └── DamagedDeltaError   a file cannot be made of what is kept of it
"""

from roadworthy.model_cards.errors import DamagedError, StorageError


class ExistsError(StorageError):
    """Something is stored under that key already."""


class UnreachableError(StorageError):
    """A server does not answer. What came from it before is kept, and taken up the next time."""


class DamagedDeltaError(DamagedError):
    """A file that is kept as a delta of another cannot be made: one of the two is damaged or missing."""
