"""What can go wrong only here."""

from roadworthy.model_cards import StorageError


class ProcessLostError(StorageError):
    """Another process of the run ended, so that this one cannot go on."""
