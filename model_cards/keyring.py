"""A keyring: whose signatures count, what they are called here, and why others no longer count."""

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType

from securesystemslib.signer import Key


class Keyring(tuple[Key, ...]):
    """The keys whose signatures count, to be passed wherever keys are asked for.

    ``names`` has what some of them are called here, by key id; ``distrusted`` has, by key id, why a key that is
    not among them was sent away. As a plain tuple it loses its words and trusts nobody more.
    """

    names: Mapping[str, str]
    distrusted: Mapping[str, str]

    def __new__(
        cls, keys: Iterable[Key], *, names: Mapping[str, str] | None = None, distrusted: Mapping[str, str] | None = None
    ) -> "Keyring":
        """A keyring of ``keys`` without those that are ``distrusted``, whoever put them there."""
        refused = dict(distrusted or {})
        ring = super().__new__(cls, (key for key in keys if key.keyid not in refused))
        ring.names, ring.distrusted = MappingProxyType(dict(names or {})), MappingProxyType(refused)
        return ring

    def __reduce__(self) -> "tuple[partial[Keyring], tuple[()]]":
        """Another process gets it whole: as pickled, a tuple would lose its words."""
        return partial(Keyring, tuple(self), names=dict(self.names), distrusted=dict(self.distrusted)), ()
