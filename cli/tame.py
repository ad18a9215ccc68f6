"""Words from outside (a stranger's certificate, an importer's note, a file's name) as a terminal may be told them.

Escape sequences would command it, and marks of direction would turn the line round: both are shown, and not obeyed.
"""

import json
import unicodedata


def tame(text: str) -> str:
    """``text`` with every control character but the line's end as JSON escapes it; a JSON document stays one."""
    return text if text.isprintable() else "".join(_told(letter) for letter in text)


def _told(letter: str) -> str:
    kind = unicodedata.category(letter)
    obeyed = (kind[0] == "C" and letter != "\n") or kind in ("Zl", "Zp")
    return json.dumps(letter)[1:-1] if obeyed else letter
