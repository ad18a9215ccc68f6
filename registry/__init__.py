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

from .admission import admission
from .aliases import Move
from .attestations import Attested, attest, attestations
from .audit_all import audit_registry
from .audit_log import AuditLog, Head, verify_audit_log
from .bundle import open_bundle, write_bundle
from .errors import ExistsError
from .folder_store import FolderStore
from .hub_import import Fetched, fetch_upstream
from .hub_push import Pushed, push
from .index import IndexState, index_state, rebuild_index
from .intake import Objection
from .key_records import KeyRecord
from .keys import export_key, home, list_keys, new_key, signing_key, trusted_keys
from .log_audit import LogAudit, audit_log
from .manifest import Manifest
from .memory_store import MemoryStore
from .object_store import ObjectStore
from .parties import Party, agreeing, parties, spread, verifiers
from .performance import Recorded, add_performance, performance
from .policy import Policy, Rule, Signer, Verifiers, signers_of, violations
from .policy_file import home_policy, load_policy, unmet, without_verifiers
from .promotion import promote
from .publish import Published, import_draft, publish
from .pull import pull
from .reference import Reference, Version
from .registry import Registry, open_registry
from .replicate import Replicated, replicate
from .revocation import Revocation, Word
from .revoking import RevokedWarning, add_revocation, revocation, revocations, revoke
from .rotation import Rotated, rotate_key
from .search import Details, Entry, Figure, Page, TimeToSolution, find, models, namespaces, show
from .signers import signer
from .store import Presigns, Store
from .sweep import Swept
from .sweep import sweep as sweep
from .tokens import TokenRecord, create_token, default_tokens, list_tokens, revoke_token
from .trust import distrust_key, trust_key
from .version_audit import VersionAudit, audit_version

__all__ = [
    "Attested",
    "AuditLog",
    "Details",
    "Entry",
    "ExistsError",
    "Fetched",
    "Figure",
    "FolderStore",
    "Head",
    "IndexState",
    "KeyRecord",
    "LogAudit",
    "Manifest",
    "MemoryStore",
    "Move",
    "ObjectStore",
    "Objection",
    "Page",
    "Party",
    "Policy",
    "Presigns",
    "Published",
    "Pushed",
    "Recorded",
    "Reference",
    "Registry",
    "Replicated",
    "Revocation",
    "RevokedWarning",
    "Rotated",
    "Rule",
    "Signer",
    "Store",
    "Swept",
    "TimeToSolution",
    "TokenRecord",
    "Verifiers",
    "Version",
    "VersionAudit",
    "Word",
    "add_performance",
    "add_revocation",
    "admission",
    "agreeing",
    "attest",
    "attestations",
    "audit_log",
    "audit_registry",
    "audit_version",
    "create_token",
    "default_tokens",
    "distrust_key",
    "export_key",
    "fetch_upstream",
    "find",
    "home",
    "home_policy",
    "import_draft",
    "index_state",
    "list_keys",
    "list_tokens",
    "load_policy",
    "models",
    "namespaces",
    "new_key",
    "open_bundle",
    "open_registry",
    "parties",
    "performance",
    "promote",
    "publish",
    "pull",
    "push",
    "rebuild_index",
    "replicate",
    "revocation",
    "revocations",
    "revoke",
    "revoke_token",
    "rotate_key",
    "show",
    "signer",
    "signers_of",
    "signing_key",
    "spread",
    "sweep",
    "trust_key",
    "trusted_keys",
    "unmet",
    "verifiers",
    "verify_audit_log",
    "violations",
    "without_verifiers",
    "write_bundle",
]
