"""Removing the files that no version and no draft reaches.

Two looks, a day apart: what was reached by nothing at the first and is reached by nothing at the second goes. In
between, whoever sent a file may still commit it. What is about to be committed at the second look is `holding`'s.
Parts of uploads that nobody ended, and notes of who sent what, go after a week.
"""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from roadworthy.model_cards.errors import CheckError, NotFoundError

from . import holding, layout, manifest
from .errors import ExistsError
from .reference import DRAFT, Reference
from .registry import Registry
from .store import Store
from .stored import delta_of

# Called with what is done, how much of it is, and how much there is.
Report = Callable[[str, int, int], None]

GRACE = timedelta(hours=24)
PASSING = timedelta(days=7)
_LISTING: tuple[layout.Kind, ...] = ("versions", "drafts", "branches")
_LOOKS = "sweeping/looks/"
_KINDS = ("blobs/sha256/", "deltas/sha256/")
_ON_THE_WAY = ("uploads/", "sent/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many files were removed, and their bytes; how many wait for the end of the grace period, and theirs; how
    many are ``reached``; how many parts and notes of unfinished uploads were ``cleared``."""

    removed: int
    removed_bytes: int
    waiting: int
    waiting_bytes: int
    reached: int
    cleared: int


def sweep(
    registry: Registry,
    *,
    grace: timedelta = GRACE,
    dry_run: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Report | None = None,
) -> Swept:
    """Removes what nothing has reached for ``grace``, and takes note of what nothing reaches now.

    Versions, drafts of every branch, whatever their files are deltas of, and what is being published are reached. Parts
    of uploads, and notes of who sent what, are removed when a look saw them `PASSING` ago; what Xet clients sent is not
    looked at (the server clears it). ``dry_run``: changes nothing.

    Raises:
        CheckError: somebody else sweeps this registry at this moment.
        DamagedError: a manifest cannot be read, so that nobody can say what it reaches. Nothing was removed.
        StorageError: the store cannot be read or written.
    """
    store, began, report = registry.store, now(), progress or _silent
    reached = _reached(store, report)
    sizes = {sha256: store.size(key) for sha256, key in _stored(store) if sha256 not in reached}
    on_the_way = [key for place in _ON_THE_WAY for key in store.list(place)]
    number, before = _last_look(store)
    seen = {name: before.get(name, began.isoformat()) for name in (*sizes, *on_the_way)}
    age = {name: began - datetime.fromisoformat(when) for name, when in seen.items()}
    due = {sha256 for sha256 in sizes if age[sha256] >= grace}
    passed = [key for key in on_the_way if age[key] >= PASSING]
    if dry_run:
        return _told(sizes, due, len(reached), len(passed))
    try:
        store.create(_look_key(number + 1), json.dumps(seen, sort_keys=True).encode())
    except ExistsError:
        raise CheckError(f"somebody else sweeps {registry.location} at this moment. Nothing was removed.") from None
    for key in [key for key in store.list(_LOOKS) if key < _look_key(number + 1)]:
        _delete(store, key)
    removed = _remove(store, due, began, now, report) if due else set()
    for key in passed:
        _delete(store, key)
    _clear(store, began)
    return _told(sizes, removed, len(reached), len(passed))


def _remove(
    store: Store, due: Collection[str], began: datetime, now: Callable[[], datetime], report: Report
) -> set[str]:
    left = now()
    note = holding.leave_note(store, holding.SWEEPS, due)
    removed = set()
    try:
        # After the note was left: whoever comes from now on sees it. And holds before manifests: whoever has let go of
        # a hold before it was looked for has written a manifest, or a delta, by the time that these are.
        held = holding.named(store, holding.HOLDS, holding.LONGEST, began)
        goes = sorted(set(due) - held - _reached(store, report))
        for sha256 in goes:
            if now() - left > holding.LONGEST_SWEEP / 2:
                break  # soon nobody would believe the note
            for key in (layout.blob_key(sha256), layout.delta_key(sha256)):
                _delete(store, key)
            removed.add(sha256)
            report("removing files", len(removed), len(goes))
        # Still under the note: who stores such a file again, and squeezes it, leaves the same notes anew.
        for key in list(store.list("bases/")):
            if PurePosixPath(key).name in removed:
                _delete(store, key)
    finally:
        _delete(store, note)
    return removed


def _reached(store: Store, report: Report) -> set[str]:
    reached: set[str] = set()
    keys = [key for kind in _LISTING for key in layout.documents(store, kind)]
    for done, key in enumerate(keys, 1):
        namespace, name, *_, last = layout.parts(key)
        asked = Reference(namespace, name, last if layout.kind_of(key) == "versions" else DRAFT)
        with suppress(NotFoundError), store.open(key) as stream:  # a draft that was deleted meanwhile
            reached.update(file.sha256 for file in manifest.parse(stream.read(), asked).files)
        report("reading manifests", done, len(keys))
    # Listed, not asked for one by one: most files are none, and a bucket answers each question in tens of milliseconds.
    deltas = {PurePosixPath(key).name for key in store.list("deltas/sha256/")}
    waiting = list(reached & deltas)
    while waiting:
        with suppress(NotFoundError):
            base = delta_of(store, waiting.pop()).base
            if base not in reached:
                reached.add(base)
                waiting += {base} & deltas
    return reached


def _stored(store: Store) -> Iterator[tuple[str, str]]:
    for kind in _KINDS:
        for key in store.list(kind):
            yield PurePosixPath(key).name, key


def _last_look(store: Store) -> tuple[int, dict[str, str]]:
    keys = list(store.list(_LOOKS))
    if not keys:
        return 0, {}
    with store.open(keys[-1]) as stream:
        found: dict[str, str] = json.loads(stream.read())
    return int(PurePosixPath(keys[-1]).stem), found


def _look_key(number: int) -> str:
    return f"{_LOOKS}{number:08d}.json"


def _clear(store: Store, now: datetime) -> None:
    for place, longest in ((holding.HOLDS, holding.LONGEST), (holding.SWEEPS, holding.LONGEST_SWEEP)):
        for key in list(store.list(place)):
            if holding.is_left_over(key, place, longest, now):
                _delete(store, key)


def _delete(store: Store, key: str) -> None:
    with suppress(NotFoundError):
        store.delete(key)


def _silent(stage: str, done: int, total: int) -> None:
    pass


def _told(sizes: dict[str, int], removed: Collection[str], reached: int, cleared: int) -> Swept:
    waiting = [size for sha256, size in sizes.items() if sha256 not in removed]
    return Swept(
        removed=len(removed),
        removed_bytes=sum(sizes[sha256] for sha256 in removed),
        waiting=len(waiting),
        waiting_bytes=sum(waiting),
        reached=reached,
        cleared=cleared,
    )
