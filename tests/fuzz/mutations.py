"""What an adversary does to a valid document: whole bytes, or values and names in its JSON, one to three at a time."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

# What a reader may trip over: each has tripped up some reader of JSON, of numbers, of paths, or of terminals.
VALUES: Sequence[Any] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 10**30, -(2**53), 0.1, -0.0, 1e308, 1e-320),
    *(
        "",
        "0",
        "null",
        "../../etc/passwd",
        "/etc/passwd",
        "a\\b",
        "\x00",
        "\x1b]0;x\x07",
        "\u202e",
        "\ud800",
        "é",
        "e\u0301",
    ),
    *("K", "__proto__", "auto_map", "1e5", "NaN", "v1.0.0", "0" * 64, "x" * 5000, "hf-hub:a/b", "---\n", "<script>"),
    *([], {}, [[]], [None], {"": None}, {"auto_map": {"AutoModel": "m.M"}}),
)
TEXTS: Sequence[bytes] = (
    *(
        b"NaN",
        b"Infinity",
        b"-0",
        b"1e999",
        b"1" * 5000,
        b"[" * 2000,
        b'{"a":' * 2000,
        b"\xef\xbb\xbf",
        b"\x00",
        b"\xff",
    ),
    *(
        b'"\\ud800"',
        b"\\u0000",
        b"\xe2\x80\xa8",
        b"\r\n",
        b"\n\n",
        b" ",
        b",",
        b'"',
        b"}",
        b"]",
        b"PK\x03\x04",
        b"\x80\x02",
    ),
)


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document, containers included, the document itself left out."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, held in inside:
        yield (*above, name)
        yield from places(held, (*above, name))


def edited(document: Any, pick: random.Random) -> Any:
    """The document with one value replaced, removed, doubled, renamed or added."""
    ways = list(places(document))
    if not ways:
        return pick.choice(VALUES)
    *above, name = pick.choice(ways)
    holder = document
    for step in above:
        holder = holder[step]
    what = pick.randrange(6)
    if what == 0:
        del holder[name]
    elif what == 1 and isinstance(holder, dict):
        holder[pick.choice([value for value in VALUES if isinstance(value, str)])] = holder.pop(name)
    elif what == 2:
        holder[name] = nested(pick.choice([3, 40, 200, 700]))
    elif what == 3 and isinstance(holder, list):
        holder.insert(name, pick.choice([*holder, *VALUES]))
    elif what == 4 and isinstance(holder[name], (int, float)) and not isinstance(holder[name], bool):
        holder[name] = pick.choice(
            [-holder[name], holder[name] + 1, holder[name] * 1e10, float(holder[name]), str(holder[name])]
        )
    else:
        holder[name] = pick.choice(VALUES)
    return document


def edited_json(data: bytes, pick: random.Random) -> bytes:
    """A valid document with some values edited; canonical, or with a name twice, a blank or a line more."""
    document = json.loads(data)
    for _ in range(pick.randint(1, 3)):
        document = edited(document, pick)
    text = json.dumps(document, ensure_ascii=pick.random() < 0.5, separators=(",", ":"), sort_keys=pick.random() < 0.8)
    made = text.encode("utf-8", errors="surrogatepass")
    if pick.random() < 0.2 and b":" in made:
        # A name twice: with the same value, or with another.
        field = made[made.index(b'"') : made.index(b":") + 1] if b'"' in made[: made.index(b":")] else b'"a":'
        made = made.replace(b"{", b"{" + field + pick.choice(TEXTS) + b",", 1)
    return made


def edited_bytes(data: bytes, pick: random.Random) -> bytes:
    """Some bytes flipped, cut out, repeated or put in."""
    made = bytearray(data)
    for _ in range(pick.randint(1, 4)):
        at = pick.randint(0, len(made))
        end = min(len(made), at + pick.choice([1, 2, 4, 8, 64, 1000]))
        part = bytes(made[at:end])
        made[at:end] = pick.choice(
            [
                bytes(byte ^ (1 << pick.randrange(8)) for byte in part),
                b"",
                part * 2,
                pick.choice(TEXTS),
                pick.randbytes(pick.choice([1, 2, 4, 8])),
            ]
        )
    return bytes(made)


def mutations(seeds: Sequence[bytes], *, as_json: bool) -> st.SearchStrategy[bytes]:
    """Seeds with edits, and any bytes now and then."""

    def make(seed: bytes, number: int) -> bytes:
        pick = random.Random(number)
        if as_json and number % 4:
            try:
                return edited_json(seed, pick)
            except (ValueError, RecursionError):
                pass
        return edited_bytes(seed, pick)

    made = st.builds(make, st.sampled_from(list(seeds)), st.integers(0, 2**48))
    return made | made | made | st.binary(max_size=64)
