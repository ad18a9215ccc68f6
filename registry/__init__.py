"""Where versions live: references, the store, manifests, publish and pull, signatures, search. No torch.

A version is immutable and never partly visible; its bytes are hashed on the way in and on every way out::

    >>> import tempfile
    >>> from pathlib import Path
    >>> from roadworthy.registry import import_draft, models, open_registry, pull
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "config.json").write_text('{"architecture": "none"}')
    >>> _ = (folder / "model.safetensors").write_bytes(b"\\x02\\0\\0\\0\\0\\0\\0\\0{}")
    >>> registry = open_registry("memory:")
    >>> print(import_draft(registry, folder, "demo/nothing"))
    demo/nothing@main
    >>> [entry.reference for entry in models(registry)]
    ['demo/nothing@main']
    >>> pulled = pull(registry, "demo/nothing@main", keys=(), to=folder / "again")
    >>> sorted(path.name for path in pulled.iterdir())
    ['config.json', 'model.safetensors']
"""

from .aliases import Move
from .errors import ExistsError
from .folder_store import FolderStore
from .intake import Objection
from .keys import home, signing_key, trusted_keys
from .manifest import Manifest
from .memory_store import MemoryStore
from .performance import Recorded, add_performance, performance
from .publish import Published, import_draft, publish
from .pull import pull
from .reference import Reference, Version
from .registry import Registry, open_registry
from .search import Details, Entry, Figure, TimeToSolution, models, show
from .store import Store

__all__ = [
    "Details",
    "Entry",
    "ExistsError",
    "Figure",
    "FolderStore",
    "Manifest",
    "MemoryStore",
    "Move",
    "Objection",
    "Published",
    "Recorded",
    "Reference",
    "Registry",
    "Store",
    "TimeToSolution",
    "Version",
    "add_performance",
    "home",
    "import_draft",
    "models",
    "open_registry",
    "performance",
    "publish",
    "pull",
    "show",
    "signing_key",
    "trusted_keys",
]
