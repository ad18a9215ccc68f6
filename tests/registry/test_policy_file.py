"""A policy's file: read strictly, because what is passed over is a demand that was made."""

from pathlib import Path

import pytest

from roadworthy.model_cards.errors import InputError, StorageError
from roadworthy.registry import Rule, home, home_policy, load_policy, policy_file
from roadworthy.registry.policy_file import parse_policy

HEAD = 'schema = "roadworthy/policy/1"\n'
RULE = '[[rule]]\nnamespace = "team"\n'


def test_every_field_is_read() -> None:
    """As the module's docstring spells them."""
    text = "\n".join(line.strip() for line in (policy_file.__doc__ or "").split("\n\n", 1)[1].splitlines())
    policy = parse_policy(text.encode(), "p.toml")
    assert policy.source == "p.toml"
    assert policy.rules == (
        Rule(
            namespace="team",
            certifiers=("alice", "own"),
            protocols=("image-top1-*",),
            min_n=500,
            verdicts=("reproduced", "generalises"),
            max_age_days=365,
            safetensors_only=True,
            compared_with_parent=True,
            without_waivers=True,
            verifiers=1,
            revokers=("security", "own"),
        ),
        Rule(namespace="*", drafts=True),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its schema is None; expected schema = 'roadworthy/policy/1'"),
        (RULE, "its schema is None"),
        ('schema = "roadworthy/policy/0"\n' + RULE, "its schema is 'roadworthy/policy/0'.*upgrade roadworthy"),
        ("schema = 1\n" + RULE, "its schema is 1"),
        (HEAD, r"has no rule: expected at least one \[\[rule\]\]"),
        (HEAD + "rule = []\n", "has no rule"),
        (HEAD + '[rule]\nnamespace = "team"\n', "has no rule"),
        (HEAD + "rule = [1]\n", "has no rule"),
        (HEAD + "[[rules]]\n" + RULE, "the field 'rules' is unknown; did you mean 'rule'[?]$"),
        (HEAD + "[[rule]]\nmin_n = 5\n", "rule 1 of p.toml has no namespace"),
        (HEAD + RULE + "min_N = 5\n", "rule 1 of p.toml: the field 'min_N' is unknown; did you mean 'min_n'[?]$"),
        (HEAD + RULE + "[[rule]]\nnamespace = 'x'\nmin = 5", "rule 2 of p.toml: the field 'min' is unknown"),
        (HEAD + RULE + "min_n = 5\nmin_n = 1\n", r"line 5.*each key once"),
        (HEAD + HEAD + RULE, r"line 2"),
        (HEAD + RULE + "min_n = \n", r"line 4"),
        (HEAD + RULE + f"min_n = {'9' * 5000}\n", "cannot read the policy"),
    ],
)
def test_a_file_that_is_not_understood_is_refused(text: str, message: str) -> None:
    """Another schema, a slip in a name, a key that stands twice: with the place."""
    with pytest.raises(InputError, match=message):
        parse_policy(text.encode(), "p.toml")


def test_text_that_is_not_utf_8_is_refused() -> None:
    """And is no surprise."""
    with pytest.raises(InputError, match="cannot read the policy"):
        parse_policy(HEAD.encode() + b"# \xff\n" + RULE.encode(), "p.toml")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("certifiers", '"alice"'),
        ("certifiers", "[]"),
        ("certifiers", "[1]"),
        ("certifiers", '["Alice"]'),
        ("certifiers", '["аlice"]'),
        ("certifiers", '["*"]'),
        ("certifiers", '["0bcdef0123456789"]'),
        ("certifiers", '["alice", "alice"]'),
        ("certifiers", '[["alice"]]'),
        ("protocols", "[]"),
        ("protocols", '["image top1"]'),
        ("protocols", '["[a-z]*"]'),
        ("min_n", "0"),
        ("min_n", "-5"),
        ("min_n", "true"),
        ("min_n", "5.0"),
        ("min_n", '"5"'),
        ("max_age_days", "nan"),
        ("max_age_days", "inf"),
        ("max_age_days", "0"),
        ("verdicts", "[]"),
        ("verdicts", '["Reproduced"]'),
        ("verdicts", '"reproduced"'),
        ("safetensors_only", "1"),
        ("safetensors_only", '"true"'),
        ("compared_with_parent", '"no"'),
        ("without_waivers", "0"),
        ("verifiers", "0"),
        ("verifiers", "true"),
        ("revokers", "[]"),
        ("revokers", '["Not A Name"]'),
        ("drafts", "[]"),
    ],
)
def test_a_value_that_could_demand_nothing_is_refused(field: str, value: str) -> None:
    """Each wrong type, each empty list, each number that no figure is less than: with the field's name."""
    with pytest.raises(InputError, match=rf"rule 1 of p\.toml: the field '{field}' is .*; expected "):
        parse_policy(f"{HEAD}{RULE}{field} = {value}\n".encode(), "p.toml")


@pytest.mark.parametrize("pattern", ["", "teаm", "team/x", "[t]eam", "te am", "ſ", "a" * 97])
def test_a_pattern_that_no_namespace_fits_is_refused(pattern: str) -> None:
    """A rule that never decides is one that somebody relies on."""
    with pytest.raises(InputError, match="the field 'namespace' is"):
        parse_policy(f'{HEAD}[[rule]]\nnamespace = "{pattern}"\n'.encode(), "p.toml")


@pytest.mark.parametrize(
    ("first", "second", "covered"),
    [
        ("team", "team", True),
        ("team", "Team", True),
        ("*", "team", True),
        ("*", "*", True),
        ("t*", "team*", True),
        ("te?m", "team", True),
        ("te?m", "te?m", True),
        ("team", "*", False),
        ("team*", "t*", False),
        ("te?m", "te*m", False),
        ("team", "team2", False),
    ],
)
def test_a_rule_behind_a_wider_one_is_refused(first: str, second: str, covered: bool) -> None:
    """The first that fits decides, so a stricter rule behind a wider one would be dead."""
    text = f'{HEAD}[[rule]]\nnamespace = "{first}"\n[[rule]]\nnamespace = "{second}"\n'.encode()
    if covered:
        with pytest.raises(InputError, match=r"rule 2 of p\.toml, for .*, never decides"):
            parse_policy(text, "p.toml")
    else:
        assert len(parse_policy(text, "p.toml").rules) == 2


def test_the_homes_policy_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """policy.toml of the home; the environment's goes before it; an empty name is none."""
    assert home_policy() is None
    (home() / "policy.toml").write_text(HEAD + RULE)
    found = home_policy()
    assert found is not None
    assert found.source == str(home() / "policy.toml")
    (tmp_path / "other.toml").write_text(HEAD + '[[rule]]\nnamespace = "*"\n')
    monkeypatch.setenv("ROADWORTHY_POLICY", str(tmp_path / "other.toml"))
    assert home_policy() == load_policy(tmp_path / "other.toml")
    monkeypatch.setenv("ROADWORTHY_POLICY", "")
    assert home_policy() == found


def test_a_policy_that_was_lost_is_not_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A name without a file, a link that leads nowhere, a folder: nothing is done without it."""
    monkeypatch.setenv("ROADWORTHY_POLICY", str(tmp_path / "nothing.toml"))
    with pytest.raises(StorageError, match=r"nothing\.toml.*Nothing is done without it"):
        home_policy()
    monkeypatch.delenv("ROADWORTHY_POLICY")
    (home() / "policy.toml").symlink_to(tmp_path / "nothing.toml")
    with pytest.raises(StorageError, match="Nothing is done without it"):
        home_policy()
    (home() / "policy.toml").unlink()
    (home() / "policy.toml").mkdir()
    with pytest.raises(StorageError, match="Nothing is done without it"):
        home_policy()
