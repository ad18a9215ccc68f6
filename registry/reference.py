"""References: ``namespace/name@version`` or ``namespace/name@alias``, parsed once, at the edge."""

import re
from dataclasses import dataclass

from roadworthy.model_cards.errors import InputError

LATEST = "latest"  # the alias that a reference without a selector means
DRAFT = "main"  # the newest uncertified draft; no alias may take its name

# The Hub's own names: a snapshot is cached under models--namespace--name, so "--" would be ambiguous.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,62}")
_NUMBER = r"(0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version's core, ordered as numbers. ``Version.parse(str(v)) == v``."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    def next_patch(self) -> "Version":
        """The version that comes right after this one."""
        return Version(self.major, self.minor, self.patch + 1)

    @staticmethod
    def parse(text: str) -> "Version":
        """Parses ``1.2.0``; the Hub's tag form ``v1.2.0`` is the same version.

        Raises:
            InputError: any other form.
        """
        match = _VERSION.fullmatch(text)
        if match is None:
            raise InputError(f"cannot read the version {text!r}. Expected three numbers such as 1.2.0.")
        return Version(*(int(number) for number in match.groups()))


@dataclass(frozen=True, slots=True)
class Reference:
    """A model's name and which of its versions. ``Reference.parse(str(r)) == r``."""

    namespace: str
    name: str
    selector: str

    @property
    def model(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def version(self) -> Version | None:
        """The version, where the selector is one and not an alias."""
        return Version.parse(self.selector) if _VERSION.fullmatch(self.selector) else None

    def at(self, selector: "Version | str") -> "Reference":
        """The same model at another version or alias."""
        return Reference(self.namespace, self.name, str(selector))

    def __str__(self) -> str:
        return f"{self.model}@{self.selector}"

    @staticmethod
    def parse(text: "str | Reference") -> "Reference":
        """Parses ``team/model@1.2.0``, ``team/model@alias`` or ``team/model`` (which means ``@latest``).

        Raises:
            InputError: any other form; the message says which part is wrong.
        """
        if isinstance(text, Reference):
            return text
        model, at, selector = text.partition("@")
        namespace, slash, name = model.partition("/")
        if not slash or "/" in name or (at and not selector):
            raise InputError(
                f"cannot read the reference {text!r}. Expected namespace/name@version, such as team/model@1.0.0, "
                "or namespace/name@alias."
            )
        for part in (namespace, name):
            _check_name(part, text)
        selector = selector or LATEST
        if _VERSION.fullmatch(selector):
            selector = str(Version.parse(selector))
        elif not _ALIAS.fullmatch(selector):
            raise InputError(
                f"cannot read {selector!r} in the reference {text!r}. Expected a version of three numbers (1.2.0), "
                "or an alias of lower-case letters, digits and '-' (latest)."
            )
        return Reference(namespace, name, selector)


def check_alias(alias: str) -> str:
    """``alias`` itself, if it may be moved.

    Raises:
        InputError: not an alias, or the reserved name of the drafts.
    """
    if alias == DRAFT:
        raise InputError(f"'{DRAFT}' always names the newest draft and cannot be moved. Choose another alias.")
    if not _ALIAS.fullmatch(alias):
        raise InputError(
            f"cannot use {alias!r} as an alias. Expected lower-case letters, digits and '-', beginning with a letter."
        )
    return alias


def _check_name(part: str, text: str) -> None:
    if not _NAME.fullmatch(part) or "--" in part or ".." in part or part.endswith(".git"):
        raise InputError(
            f"cannot use {part!r} in the reference {text!r}. Expected up to 96 letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit and without '--' or '..'."
        )
