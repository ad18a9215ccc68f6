"""Trust: given by a file, under a name that is one's own, and taken back for good."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

from roadworthy.model_cards import audit, canonical
from roadworthy.model_cards.envelope import open_envelope, seal
from roadworthy.model_cards.errors import CheckError, InputError, NotFoundError, StorageError
from roadworthy.registry import (
    KeyRecord,
    Registry,
    distrust_key,
    export_key,
    home,
    list_keys,
    new_key,
    publish,
    pull,
    signing_key,
    trust_key,
    trusted_keys,
)
from roadworthy.registry.key_records import find

SEALED = b"{}"


def stranger(tmp_path: Path, name: str) -> tuple[CryptoSigner, Path]:
    """Somebody else's key, and the file that they hand out."""
    signer = signing_key(tmp_path / name)
    file = tmp_path / f"{name}.pub"
    file.write_text(export_key(home_folder=tmp_path / name))
    return signer, file


def trusted_folder() -> Path:
    """Where this home keeps the keys that it trusts."""
    return home() / "keys/trusted"


def test_a_new_key_is_made_once() -> None:
    """It is private, it is listed as one's own, and it is never overwritten."""
    made = new_key()
    private = home() / "keys/ed25519.pem"
    before = private.read_bytes()
    assert private.stat().st_mode & 0o777 == 0o600
    assert [(record.keyid, record.status, record.name) for record in list_keys()] == [(made.keyid, "own", "own")]
    assert signing_key().public_key.keyid == made.keyid
    with pytest.raises(InputError, match=r"there is a key already.*roadworthy keys rotate"):
        new_key()
    assert private.read_bytes() == before


def test_of_two_who_make_a_key_at_once_one_wins() -> None:
    """The other is told that there is one."""
    won: list[str] = []
    lost: list[InputError] = []

    def make() -> None:
        try:
            won.append(new_key().keyid)
        except InputError as error:
            lost.append(error)

    threads = [threading.Thread(target=make) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 4)
    assert signing_key().public_key.keyid == won[0]


def test_the_exported_half_is_public_and_can_be_trusted(tmp_path: Path) -> None:
    """From one home to another."""
    with pytest.raises(InputError, match="roadworthy keys new"):
        export_key()
    signer, file = stranger(tmp_path, "alice")
    assert "PRIVATE" not in file.read_text()
    record = trust_key(file)
    assert (record.keyid, record.status, record.name) == (signer.public_key.keyid, "trusted", "alice")
    ring = trusted_keys()
    assert open_envelope(seal(SEALED, signer), ring).signers == (record.keyid,)
    assert ring.names[record.keyid] == "alice"
    assert export_key("alice") == file.read_text()


def test_trusting_again_changes_nothing(tmp_path: Path) -> None:
    """By file, by text, under the same name; another name for the same key is refused."""
    _, file = stranger(tmp_path, "alice")
    assert trust_key(file) == trust_key(file.read_text()) == trust_key(file, name="alice")
    with pytest.raises(InputError, match="it is called alice, not 'bob'"):
        trust_key(file, name="bob")
    assert [path.name for path in trusted_folder().iterdir()] == ["alice.pub"]


def test_one_is_not_ones_own_stranger() -> None:
    """One's own key counts already and needs no second file."""
    made = new_key()
    assert trust_key(export_key()).status == "own"
    assert not trusted_folder().exists()
    assert made.name == "own"


def test_another_key_of_the_same_name_is_refused(tmp_path: Path) -> None:
    """Else whoever calls himself alice would be who a policy means; the first one's file stays as it was."""
    signer, file = stranger(tmp_path, "alice")
    impostor, other = stranger(tmp_path, "impostor")
    trust_key(file)
    before = (trusted_folder() / "alice.pub").read_bytes()
    with pytest.raises(InputError, match=rf"another key is called 'alice' here, {signer.public_key.keyid[:16]}"):
        trust_key(other, name="alice")
    assert (trusted_folder() / "alice.pub").read_bytes() == before
    assert impostor.public_key.keyid not in {key.keyid for key in trusted_keys()}


@pytest.mark.parametrize("name", ["own", "Alice", "аlice", "al/ice", "../alice", "", "a.2", "7", "a" * 33, "a\nb"])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    """No reserved one, no upper case, no Cyrillic а, no path, no number that rotations give, none like a key id."""
    _, file = stranger(tmp_path, "alice")
    with pytest.raises(InputError, match=r"cannot call a key|always means"):
        trust_key(file, name=name)
    assert not trusted_folder().exists()


def test_a_file_without_a_usable_name_is_called_by_its_key_id(tmp_path: Path) -> None:
    """Everybody's own file is called ed25519.pub."""
    signer = signing_key(tmp_path / "alice")
    assert trust_key(tmp_path / "alice/keys/ed25519.pub").name == f"key-{signer.public_key.keyid[:8]}"


def test_what_lies_there_by_hand_counts_but_cannot_take_a_name(tmp_path: Path) -> None:
    """A file called own.pub is not this home's own key, nor is one in Cyrillic alice."""
    _, file = stranger(tmp_path, "alice")
    _, other = stranger(tmp_path, "bob")
    trusted_folder().mkdir(parents=True)
    (trusted_folder() / "own.pub").write_bytes(file.read_bytes())
    (trusted_folder() / "аlice.pub").write_bytes(other.read_bytes())
    assert [(record.status, record.name) for record in list_keys()] == 2 * [("trusted", None)]
    assert len(trusted_keys()) == 2
    assert dict(trusted_keys().names) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("garbage", "is not an Ed25519 public key"),
        ("empty", "is not an Ed25519 public key"),
        ("private", "holds a private key"),
        ("both", "holds a private key"),
        ("two", "is not an Ed25519 public key"),
        ("link", "is not a regular file"),
        ("nowhere", "is not a regular file"),
        ("pipe", "is not a regular file"),
    ],
)
def test_a_trusted_file_that_was_replaced_stops_everything(tmp_path: Path, change: str, message: str) -> None:
    """By what is no key, by more than one, by a private one, by a link that others may turn: nobody is trusted."""
    _, file = stranger(tmp_path, "alice")
    _, other = stranger(tmp_path, "other")
    trust_key(file)
    path = trusted_folder() / "alice.pub"
    path.unlink()
    secret = (tmp_path / "alice/keys/ed25519.pem").read_bytes()
    data = {
        "garbage": b"\0\xff",
        "empty": b"",
        "private": secret,
        "both": file.read_bytes() + secret,
        "two": file.read_bytes() + other.read_bytes(),
    }
    if change in data:
        path.write_bytes(data[change])
    elif change == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(other if change == "link" else tmp_path / "nothing")
    with pytest.raises(InputError, match=rf"alice\.pub {message}"):
        trusted_keys()
    with pytest.raises(InputError, match=rf"alice\.pub {message}"):
        list_keys()


def test_a_private_key_is_not_trusted(tmp_path: Path) -> None:
    """It tells its owner what to do; nothing of it is kept."""
    stranger(tmp_path, "alice")
    with pytest.raises(InputError, match=r"holds a private key.*roadworthy keys rotate.*roadworthy keys export"):
        trust_key(tmp_path / "alice/keys/ed25519.pem", name="alice")
    with pytest.raises(StorageError, match=r"cannot read the key .*nothing\.pub"):
        trust_key(tmp_path / "nothing.pub")
    assert not trusted_folder().exists()


def test_a_distrusted_key_never_counts_again(tmp_path: Path, registry: Registry, build_candidate: Any) -> None:
    """Not by its file, not by --key, not by hand, not when trusted again; each refusal says when and why."""
    signer, file = stranger(tmp_path, "bob")
    trust_key(file)
    folder = build_candidate(tmp_path / "candidate", signer)
    publish(registry, folder, "demo/x@1.0.0", keys=trusted_keys())
    record = distrust_key("bob", reason="laptop stolen")
    assert (record.status, record.name, record.reason) == ("distrusted", "bob", "laptop stolen")
    said = rf"{record.fingerprint}, called bob here, a key you distrusted on {record.since}: laptop stolen"
    for extra in ((), (file,)):
        with pytest.raises(CheckError, match=said):
            pull(registry, "demo/x", keys=trusted_keys(extra=extra), to=tmp_path / "pulled")
        with pytest.raises(CheckError, match=said):
            publish(registry, folder, "demo/x@1.0.1", keys=trusted_keys(extra=extra))
    (reason,) = audit(folder, trusted_keys(extra=(file,))).reasons
    assert "laptop stolen" in reason
    with pytest.raises(CheckError, match=said):
        trust_key(file, name="robert")
    (trusted_folder() / "robert.pub").write_bytes(file.read_bytes())
    assert record.keyid not in {key.keyid for key in trusted_keys()}
    assert not (tmp_path / "pulled").exists()
    with pytest.raises(InputError, match="nobody should trust it"):
        export_key("bob")


def test_a_second_signature_of_a_key_that_is_trusted_still_counts(tmp_path: Path) -> None:
    """Distrust takes one voice away and no other."""
    bob, file = stranger(tmp_path, "bob")
    alice, other = stranger(tmp_path, "alice")
    trust_key(file)
    trust_key(other)
    distrust_key("bob", reason="left")
    assert open_envelope(seal(SEALED, bob, alice), trusted_keys()).signers == (alice.public_key.keyid,)
    # Bob signs under the id of Alice: her key says no.
    document = json.loads(seal(SEALED, bob))
    document["signatures"][0]["keyid"] = alice.public_key.keyid
    with pytest.raises(CheckError, match="edited after it was signed"):
        open_envelope(canonical.dump(document), trusted_keys())


def test_nothing_of_a_distrusted_key_is_lost_and_its_name_is_free(tmp_path: Path) -> None:
    """Its file moves beside its tombstone; its owner's next key may take its name."""
    _, file = stranger(tmp_path, "bob")
    _, later = stranger(tmp_path, "later")
    trust_key(file)
    gone = distrust_key("bob", reason="lost")
    kept = home() / f"keys/distrusted/{gone.keyid}.bob.pub"
    assert kept.read_text() == file.read_text()
    assert trust_key(later, name="bob").name == "bob"
    assert [(record.status, record.name) for record in list_keys()] == [("trusted", "bob"), ("distrusted", "bob")]
    assert export_key("bob") == later.read_text()


def test_a_key_that_was_only_heard_of_can_be_distrusted(tmp_path: Path) -> None:
    """By its whole id; and the first reason stays."""
    signer, file = stranger(tmp_path, "bob")
    keyid = signer.public_key.keyid
    with pytest.raises(NotFoundError, match="roadworthy keys list"):
        distrust_key(keyid[:16], reason="published on the net")
    first = distrust_key(keyid, reason="published on the net")
    assert distrust_key(keyid, reason="another") == first
    with pytest.raises(CheckError, match="published on the net"):
        trust_key(file)


@pytest.mark.parametrize("text", [b"", b"\xff", b"{}", b"[]", b'{"schema":"roadworthy/distrusted-key/9"}'])
def test_a_damaged_tombstone_is_one_all_the_same(tmp_path: Path, text: bytes) -> None:
    """Its name says which key; only its reason is lost."""
    signer, file = stranger(tmp_path, "bob")
    trust_key(file)
    distrust_key("bob", reason="lost")
    path = home() / f"keys/distrusted/{signer.public_key.keyid}.json"
    path.write_bytes(text)
    with pytest.raises(CheckError, match=r"distrusted on an unknown day: .*\.json cannot be read"):
        open_envelope(seal(SEALED, signer), trusted_keys(extra=[file]))


def test_a_tombstone_of_no_key_is_not_passed_over(tmp_path: Path) -> None:
    """Somebody may have meant it."""
    (home() / "keys/distrusted").mkdir(parents=True)
    (home() / "keys/distrusted/bob.json").write_text("{}")
    with pytest.raises(InputError, match="is not called by a key id"):
        trusted_keys()


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "\x1b[2J"])
def test_a_reason_is_a_line_of_text(tmp_path: Path, reason: str) -> None:
    """It is printed wherever the key is refused."""
    _, file = stranger(tmp_path, "bob")
    trust_key(file)
    with pytest.raises(InputError, match="expected a line of text"):
        distrust_key("bob", reason=reason)
    assert trusted_keys().distrusted == {}


@pytest.mark.parametrize("field", ["name", "since", "reason"])
def test_a_tombstone_edited_by_hand_cannot_command_a_terminal(tmp_path: Path, field: str) -> None:
    """What is told of it is printable, and it still counts."""
    signer, file = stranger(tmp_path, "bob")
    trust_key(file)
    distrust_key("bob", reason="laptop stolen")
    (path,) = (home() / "keys/distrusted").glob("*.json")
    path.write_bytes(canonical.dump(json.loads(path.read_text()) | {field: "\x1b[2Jall is well"}))
    (record,) = (record for record in list_keys() if record.status == "distrusted")
    assert record.keyid == signer.public_key.keyid
    assert "all is well" in (getattr(record, field) or "")
    assert all(text is None or text.isprintable() for text in (record.name, record.since, record.reason))
    assert trusted_keys().distrusted[record.keyid].isprintable()


def test_ones_own_distrusted_key_signs_nothing() -> None:
    """Whoever works here is told to make another."""
    made = new_key()
    distrust_key("own", reason="the disk was copied")
    assert trusted_keys() == ()
    with pytest.raises(InputError, match=r"cannot sign with .* the disk was copied\. .*roadworthy keys rotate"):
        signing_key()
    assert list_keys()[0].keyid == made.keyid


def test_a_key_is_named_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    """Four digits or more, if they are of one key alone; else all that they may mean are listed."""
    keys = []
    for number in range(3):
        signer, file = stranger(tmp_path, f"s{number}")
        trust_key(file)
        keys.append(signer.public_key.keyid)
    assert export_key(keys[0][:12]) == (tmp_path / "s0.pub").read_text()
    assert export_key(keys[0]) == (tmp_path / "s0.pub").read_text()
    for word in ("zzzz", keys[0][:3], "", keys[0] + "0"):
        with pytest.raises(NotFoundError):
            export_key(word)


def test_an_ambiguous_word_lists_what_it_may_mean() -> None:
    """Two ids that begin alike, or a name that is the beginning of another's id."""
    one, two, three = (
        KeyRecord(keyid=keyid.ljust(64, "0"), status="trusted", since="", name=name)
        for keyid, name in (("abcd1", "alice"), ("abcd2", "bob"), ("ffff", "abcd1"))
    )
    with pytest.raises(InputError, match=rf"more than one key: {one.keyid} \(trusted, alice\), {two.keyid}"):
        find((one, two), "abcd")
    with pytest.raises(InputError, match=f"{one.keyid}.*{three.keyid}"):
        find((one, three), "abcd1")
    assert find((one, two, three), one.keyid) == one
    assert find((one, two, three), "abcd2") == two
