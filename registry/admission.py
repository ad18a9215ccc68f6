"""What a policy asks of a snapshot that is here already, asked again at the moment it is opened.

`finetune.load` opens a folder, knows no registry, and calls what this returns before it reads a weight.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from securesystemslib.signer import Key

from roadworthy.model_cards.audit import audit
from roadworthy.model_cards.errors import CheckError
from roadworthy.model_cards.snapshot import CERTIFICATE

from .keys import trusted_keys
from .policy_file import Asked, in_force, unmet
from .reference import DRAFT, Reference


def admission(
    reference: Reference | str, *, keys: Sequence[Key] | None = None, policy: Asked = "home"
) -> Callable[[Path], None]:
    """A check for ``finetune.load``: the folder is, unchanged, what a trusted key certified, and meets the policy.

    ``reference`` says which version it is to be, for a policy goes by namespace; ``keys`` are by default those that
    this home trusts. What has no certificate is admitted only as ``team/name@main``, and where a policy's rule allows
    drafts. The second parties that a policy demands are asked for where a version is pulled: a folder has none.

    The check raises:
        CheckError: the audit fails or the policy is not met; its ``reasons`` say why.
        InputError: it is no folder, or the home's policy is not understood.
        StorageError: the home's policy cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.registry import admission
        >>> admission("team/xrays@1.0.0")(Path("run/candidate"))
    """
    asked = Reference.parse(reference)

    def check(folder: Path) -> None:
        known = trusted_keys() if keys is None else keys
        # Only what is called a draft may come without: else a certificate could be taken away to get past its policy.
        draft = asked.selector == DRAFT and not (folder / CERTIFICATE).is_file()
        if draft and in_force(policy) is not None:
            reasons = unmet(policy, asked, None, (), known)
        else:
            found = audit(folder, known)
            reasons = found.reasons
            if found.ok:
                reasons = unmet(policy, asked, found.certificate, found.signers, known)
        if reasons:
            raise CheckError(f"{folder} was not opened as {asked}: {reasons[0]}", reasons)

    return check
