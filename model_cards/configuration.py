"""What a configuration must not ask of the libraries that open a model: code, or other bytes than were measured.

The same answer for whoever stores a snapshot and for whoever opens one.
"""

from collections.abc import Iterator
from typing import Any

ADAPTER = "adapter_config.json"  # peft's: transformers adds its weights to those beside it

_CODE = "which makes loaders run code"
_ELSEWHERE = "which makes other loaders open another model than the one that is measured"

# transformers fetches what looks like a repository here, and runs it on the GPU.
_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
# A file of weights by name, as transformers and timm look for it.
_REDIRECTS = ("transformers_weights", "hf_hub_filename", "custom_load", "state_dict")
# What timm writes of every net: these show in the weights' shapes, or are followed by whoever measures.
_HARMLESS = {"num_classes", "in_chans", "img_size", "global_pool"}
# The same, but only where timm looks for them: elsewhere the words are common.
_PRETRAINED = ("file", "url")


def dangers(document: Any) -> Iterator[tuple[str, str]]:
    """Each name in a JSON document that asks for it, and what it does, in words. Names may repeat."""
    # Iterative: a document may be nested as deeply as its parser allows.
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from _of_object(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _of_object(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    # A vocabulary may hold any of these words too, with a number.
    if isinstance(value.get("auto_map"), dict | list | str):
        yield "auto_map", _CODE
    if isinstance(value.get("custom_pipelines"), dict):
        yield "custom_pipelines", _CODE
    if value.get("trust_remote_code") is True or isinstance(value.get("trust_remote_code"), str):
        yield "trust_remote_code", _CODE
    for name in _KERNELS:
        found = value.get(name)
        words = found.values() if isinstance(found, dict) else (found,)
        if any(isinstance(word, str) and "/" in word for word in words):
            yield name, _CODE
    for name in _REDIRECTS:
        if isinstance(value.get(name), str | dict | list) and value[name]:
            yield name, _ELSEWHERE
    arguments = value.get("model_args")
    if isinstance(arguments, dict) and not set(arguments) <= _HARMLESS:
        yield "model_args", _ELSEWHERE
    cfg = value.get("pretrained_cfg")
    if isinstance(cfg, dict):
        for name in _PRETRAINED:
            if isinstance(cfg.get(name), str) and cfg[name]:
                yield name, _ELSEWHERE
        if cfg.get("custom_load") is True:
            yield "custom_load", _ELSEWHERE
