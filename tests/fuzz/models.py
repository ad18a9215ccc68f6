"""What opening a model reads, and a user's own data: files from anywhere, read with torch and Pillow at hand."""

from roadworthy.finetune import text_table
from roadworthy.finetune.pixels import UnreadableError, decode
from roadworthy.model_cards.errors import InputError

from .files import folder_with


def configuration(data: bytes) -> None:
    """A config.json of timm's form, or of transformers': a configuration with a protocol, or refused."""
    from roadworthy.finetune.tasks import task_of

    with folder_with({"config.json": data, "tokenizer.json": b"{}"}) as folder:
        found = task_of(folder).read_config(folder)
    assert all(isinstance(label, str) for label in found.labels)
    assert found.protocol.name


def tokenizer(data: bytes) -> None:
    """A tokenizer, or refused."""
    from roadworthy.finetune.tokenizer import open_tokenizer

    with folder_with({"tokenizer.json": data}) as folder:
        opened = open_tokenizer(folder, max_length=8, pad=0)
    assert all(len(ids) <= 8 for ids in opened.encode(["A text.", ""]))


def table(data: bytes) -> None:
    """Texts and labels; the first byte says in which kind of file."""
    suffix = text_table.SUFFIXES[data[0] % len(text_table.SUFFIXES)] if data else ".csv"
    with folder_with({f"t{suffix}": data[1:]}) as folder:
        found = text_table.read_table(folder / f"t{suffix}")
    assert all(row.text.strip() and row.label for row in found.rows)


def image(data: bytes) -> None:
    """Pixels, or told what is wrong with the file."""
    with folder_with({"picture.jpg": data}) as folder:
        try:
            decoded = decode(folder / "picture.jpg", resize=8, interpolation="bilinear")
        except UnreadableError as error:
            raise InputError(str(error)) from error
    assert decoded.pixels.shape[2] == 3
    assert min(decoded.pixels.shape[:2]) == 8


def checkpoint(data: bytes) -> None:
    """A foreign checkpoint: tensors, or refused."""
    from roadworthy.finetune.foreign import read_checkpoint

    with folder_with({"w.pt": data}) as folder:
        assert read_checkpoint(folder / "w.pt")
