"""One text that two readers read differently: names twice, blanks, numbers, letters that look alike, depth."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import audit, canonical, certificate, evidence
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.errors import DamagedError, InputError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import Manifest, Reference, Registry, import_draft, layout, manifest, models, show
from roadworthy.registry.intake import inspect
from roadworthy.registry.manifest import check_files

from .conftest import Candidate, Road
from .forgery import statement_of

Keys = tuple[Key, ...]
Trick = Callable[[bytes], bytes]


def _number(written: bytes) -> Trick:
    return lambda data: data.replace(b'"n":24', b'"n":' + written)


TRICKS: dict[str, Trick] = {
    "a name twice, the better value last": lambda d: d.replace(b'"n":24', b'"n":24,"n":2400', 1),
    "a name twice, the better value first": lambda d: d.replace(b'"n":24', b'"n":2400,"n":24', 1),
    "a name twice, once escaped": lambda d: d.replace(b'"n":24', b'"\\u006e":2400,"n":24', 1),
    "a blank": lambda d: d.replace(b":", b": ", 1),
    "a line at the end": lambda d: d + b"\n",
    "a second document at the end": lambda d: d + d,
    "a byte order mark": lambda d: b"\xef\xbb\xbf" + d,
    "another encoding": lambda d: d.decode().encode("utf-16"),
    "an escaped letter": lambda d: d.replace(b'"wilson"', b'"w\\u0069lson"', 1),
    "an escaped slash": lambda d: d.replace(b"/", b"\\/", 1),
    "names in another order": lambda d: json.dumps(
        dict(reversed(json.loads(d).items())), separators=(",", ":")
    ).encode(),
    "a letter that looks alike": lambda d: d.replace(b'"value"', '"v\u0430lue"'.encode(), 1),
    "a field more": lambda d: d.replace(b'{"_type"', b'{"AAA":1,"_type"', 1),
    "24.0": _number(b"24.0"),
    "2.4e1": _number(b"2.4e1"),
    "+24": _number(b"+24"),
    "024": _number(b"024"),
    '"24"': _number(b'"24"'),
    "NaN": _number(b"NaN"),
    "Infinity": _number(b"Infinity"),
    "1e999": _number(b"1e999"),
    "-0": _number(b"-0"),
    "2^53": _number(b"9007199254740992"),
    "2^63": _number(b"9223372036854775808"),
    "a hundred thousand digits": _number(b"9" * 100_000),
    "true": _number(b"true"),
    "a lone surrogate": lambda d: d.replace(b'"wilson"', b'"\\ud800"', 1),
    "a null byte": lambda d: d.replace(b'"wilson"', b'"wilson\x00"', 1),
    "depth": lambda d: d.replace(b'"n":24', b'"n":' + b"[" * 900 + b"]" * 900, 1),
    "more depth": lambda d: d.replace(b'"n":24', b'"n":' + b"[" * 90_000 + b"]" * 90_000, 1),
}


@pytest.mark.parametrize("name", TRICKS)
def test_in_a_statement_that_a_trusted_key_has_signed(candidate: Candidate, road: Road, keys: Keys, name: str) -> None:
    """The bytes are signed as they are: the reader refuses them, with an error that names the certificate."""
    folder = candidate()
    before = canonical.dump(statement_of(folder))
    data = TRICKS[name](before)
    assert data != before
    (folder / "certificate.json").write_bytes(seal(data, road.publisher))
    outcome = audit(folder, keys)
    assert outcome.certificate is None
    (reason,) = outcome.reasons
    assert reason.startswith("the certificate")
    with pytest.raises(DamagedError):
        certificate.from_statement(data)


@pytest.mark.parametrize("depth", [50, 150, 250, 350, 450, 900, 9000])
def test_depth_where_any_value_may_stand(candidate: Candidate, road: Road, keys: Keys, depth: int) -> None:
    """A recipe may hold anything: whether its depth is read or refused, there is an answer."""
    folder = candidate()
    deep = b'"recipe":{"a":' + b"[" * depth + b"]" * depth + b","
    data = canonical.dump(statement_of(folder)).replace(b'"recipe":{', deep, 1)
    (folder / "certificate.json").write_bytes(seal(data, road.publisher))
    assert not audit(folder, keys).ok
    with suppress(DamagedError):
        certificate.claim_to_dict(certificate.from_statement(data).claim)


@pytest.mark.parametrize("name", [name for name in TRICKS if "24" not in name])
def test_in_the_envelope(candidate: Candidate, keys: Keys, name: str) -> None:
    """The same in the envelope around it, where the trick has something to take hold of."""
    folder = candidate()
    path = folder / "certificate.json"
    data = TRICKS[name](path.read_bytes())
    if data == path.read_bytes():
        data = data.replace(b'{"payload"', b'{"n":' + data[:10] + b',"payload"', 1)
    path.write_bytes(data)
    assert not audit(folder, keys).ok


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"certificate_sha256"', b'{"certificate_sha256":null,"certificate_sha256"'),
        (b'"size":', b'"size":1,"size":'),
        (b'"name":"xrays"', b'"name":"xrays","name":"xrays"'),
        (b'{"certificate_sha256"', b' {"certificate_sha256"'),
        (b'"created":"20', b'"created":"\\u00320'),
    ],
)
def test_in_a_manifest(registry: Registry, version: Manifest, before: bytes, after: bytes) -> None:
    """It is in canonical form, or it is damaged."""
    path = Path(registry.location) / layout.key("versions", "team", "xrays", "1.1.0")
    data = path.read_bytes()
    assert before in data
    path.write_bytes(data.replace(before, after, 1))
    with pytest.raises(DamagedError):
        registry.resolve("team/xrays@1.1.0")
    (broken,) = [entry for entry in models(registry) if entry.problem]
    assert broken.reference == "team/xrays@1.1.0"


@pytest.mark.parametrize("field", ["path", "sha256"])
@pytest.mark.parametrize("value", [5, None, True, ["README.md"]])
def test_a_manifest_whose_paths_are_no_text(registry: Registry, version: Manifest, field: str, value: Any) -> None:
    """``None`` is not a file called None."""
    from roadworthy.registry import sealed

    body = json.loads(manifest.dump(version))
    del body["commit"]
    body["files"][0][field] = value
    body["files"].sort(key=lambda file: str(file["path"]))
    with pytest.raises(DamagedError):
        manifest.parse(sealed.dump(body), Reference.parse("team/xrays@1.1.0"))


@pytest.mark.parametrize(
    "line",
    [
        b'{"confidence":1,"id":"a","prediction":1,"truth":0,"truth":1}',
        b'{"confidence":1,"id":"a","prediction":1.0,"truth":1}',
        b'{"confidence":1, "id":"a","prediction":1,"truth":1}',
        b'{"confidence":NaN,"id":"a","prediction":1,"truth":1}',
        b'{"confidence":true,"id":"a","prediction":1,"truth":1}',
        b'{"confidence":1,"id":"\\ud800","prediction":1,"truth":1}',
        b'{"confidence":1,"id":"a","prediction":' + b"[" * 5000 + b"]" * 5000 + b',"truth":1}',
    ],
)
def test_in_evidence(line: bytes) -> None:
    """Line by line."""
    with pytest.raises(DamagedError, match="evidence line 1"):
        evidence.load(line + b"\n")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("model.safetensors", "Model.safetensors"),
        ("caf\u00e9.txt", "cafe\u0301.txt"),
        ("stra\u00dfe.txt", "strasse.txt"),
        ("\ufb01le.txt", "file.txt"),
        ("\u017f.txt", "s.txt"),
    ],
)
def test_two_names_that_are_one_file(first: str, second: str) -> None:
    """Where case, accents or ligatures fold, the second would land on the first."""
    files = [FileEntry(path=name, size=0, sha256="0" * 64) for name in sorted((first, second))]
    with pytest.raises(InputError, match="case does not count"):
        check_files(files)


@pytest.mark.parametrize(
    "text",
    [
        b'{"architecture": "x", "auto_map": {"AutoModel": "m.M"}, "auto_map": 7}',
        b'{"architecture": "x", "auto\\u005fmap": {"AutoModel": "m.M"}}',
        b'{"a": {"trust_remote_code": true}, "a": {}}',
        '{"architecture": "x", "auto_map": {"AutoModel": "m.M"}}'.encode("utf-16"),
        b'\xef\xbb\xbf{"architecture": "x", "auto_map": {"AutoModel": "m.M"}}',
    ],
)
def test_a_configuration_that_hides_what_it_asks_for(tmp_path: Path, text: bytes) -> None:
    """Behind a second name, an escape, or an encoding."""
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (tmp_path / "config.json").write_bytes(text)
    (reason,) = [str(objection) for objection in inspect(tmp_path)]
    assert reason.startswith("config.json: expected")


def test_a_terminal_is_not_commanded(
    registry: Registry, candidate: Candidate, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Escape sequences and marks that turn a line round, in a draft's note and a stranger's certificate."""
    from roadworthy.cli.main import run

    folder = candidate()
    document = statement_of(folder)
    evil = "fine\x1b]0;title\x07\x1b[2K\u202e\x9b31m"
    document["predicate"]["system"] = document["predicate"]["data"]["name"] = evil
    document["predicate"]["task"] = document["predicate"]["metric"]["protocol"] = evil
    stranger = CryptoSigner.generate_ed25519()
    made = seal(canonical.dump(document), stranger)

    store = Path(registry.location)
    from .forgery import put_blob, rewrite

    def change(body: dict[str, Any]) -> None:
        fields = put_blob(store, made)
        body["certificate_sha256"] = fields["sha256"]
        next(file for file in body["files"] if file["path"] == "certificate.json").update(fields)

    rewrite(store / layout.key("versions", "team", "xrays", "1.1.0"), change)
    (folder / "certificate.json").unlink()
    import_draft(registry, folder, "team/base", note={"claim": evil, evil: "x"})
    assert show(registry, "team/xrays@1.1.0").system == evil
    for words in (["models"], ["show", "team/xrays@1.1.0"], ["show", "team/base@main"], ["pull", "team/xrays@1.1.0"]):
        run([*words, "--registry", registry.location])
        said = capsys.readouterr()
        for text in (said.out, said.err):
            assert all(line.isprintable() for line in text.splitlines()), words
