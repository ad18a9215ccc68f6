"""A snapshot's tokenizer, by the tokenizers library alone: `tokenizer.json` says everything that changes a token."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from roadworthy.model_cards import InputError

FILE = "tokenizer.json"
# What loaders of transformers look for beside it; copied from start to candidate, never changed.
FILES = (
    FILE,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """``stamp`` changes with whatever changes the ids."""

    inner: tokenizers.Tokenizer
    pad: int
    stamp: str

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included, cut off on the right; not padded.

        Raises:
            InputError: a tokenizer that was read, and cannot be used.
        """
        with _refused("the model's tokenizer"):
            return [encoding.ids for encoding in self.inner.encode_batch_fast(list(texts))]


@contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # the library raises Exception itself, and a panic of Rust's is none
        raise InputError(f"{what} is no tokenizer: {error}. Pull or import the model again.") from error


def sha256_of_tokenizer(folder: Path) -> str:
    """The digest of ``tokenizer.json``.

    Raises:
        InputError: the snapshot has none.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(
            f"no {FILE} in {folder}. Expected a fast tokenizer beside the weights. Make one: "
            f"transformers.AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
        )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def open_tokenizer(folder: Path, *, max_length: int, pad: int) -> Tokenizer:
    """The snapshot's tokenizer, cutting off after ``max_length`` tokens; ``pad`` is the padding's id."""
    digest = sha256_of_tokenizer(folder)
    with _refused(str(folder / FILE)):
        inner = tokenizers.Tokenizer.from_file(str(folder / FILE))
    inner.enable_truncation(max_length)
    inner.no_padding()
    return Tokenizer(inner=inner, pad=pad, stamp=f"{digest}-{max_length}")
