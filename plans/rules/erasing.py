"""L9: what a plan says once somebody is erased: other words, in the same shape."""

from collections.abc import Mapping
from typing import Any

from perception.rules.interactions import without


def worded(value: Any, words: Mapping[str, str]) -> Any:
    """Plain JSON with each of these words replaced in its texts. Keys are the product's
    own, and stay what they are, whatever somebody is called.
    """
    if isinstance(value, str):
        return without(value, words)
    if isinstance(value, Mapping):
        return {key: worded(each, words) for key, each in value.items()}
    return [worded(each, words) for each in value] if isinstance(value, list) else value
