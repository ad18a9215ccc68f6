"""What only storage can say, below the tree of `roadworthy.model_cards.errors`.

StorageError
└── ExistsError      the key is taken, and nothing stored is ever overwritten
"""

from roadworthy.model_cards.errors import StorageError


class ExistsError(StorageError):
    """Something is stored under that key already."""
