"""JSON text to members, keeping track of names that occur twice."""

import json
from typing import Any

MAX_DEPTH = 128


class NotAMessageError(ValueError):
    """The body is not one JSON object in UTF-8 [P-AREQ-02]."""


class Members(dict[str, Any]):
    """A JSON object that remembers which names occurred more than once."""

    duplicates: tuple[str, ...] = ()


def _members(pairs: list[tuple[str, Any]]) -> Members:
    made = Members(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        made.duplicates = tuple(sorted({name for name in names if names.count(name) > 1}))
    return made


def _no_constant(word: str) -> Any:
    raise NotAMessageError(f"{word} is not JSON")


def parse(body: str | bytes) -> Members:
    """The object in the body; raises NotAMessageError."""
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise NotAMessageError("not JSON in UTF-8") from error
    if not isinstance(value, Members):
        raise NotAMessageError("not an object")
    if depth(value) > MAX_DEPTH:
        raise NotAMessageError("nested too deeply")
    return value


def depth(value: Any) -> int:
    """Levels of objects and arrays."""
    deepest, pending = 0, [(value, 1)]
    while pending:
        current, level = pending.pop()
        if isinstance(current, (dict, list)):
            deepest = max(deepest, level)
            children = current.values() if isinstance(current, dict) else current
            pending.extend((child, level + 1) for child in children)
    return deepest


def joined(parent: str, name: str) -> str:
    """The path of a nested element as error details write it."""
    return f"{parent}.{name}" if parent else name


def duplicate_names(value: Any, path: str = "") -> list[str]:
    """Paths of all names that occur twice in one object, at any depth."""
    if isinstance(value, list):
        return [found for item in value for found in duplicate_names(item, path)]
    if not isinstance(value, dict):
        return []
    here = [joined(path, name) for name in getattr(value, "duplicates", ())]
    for name, child in value.items():
        here += duplicate_names(child, joined(path, name))
    return here


def duplicate_items(value: Any, path: str = "") -> list[str]:
    """Paths of arrays that hold one item twice; extension data is not looked into."""
    if path == "messageExtension.data":
        return []
    found: list[str] = []
    if isinstance(value, list):
        texts = [json.dumps(item, sort_keys=True) for item in value]
        if len(set(texts)) < len(texts):
            found.append(path)
        for item in value:
            found += duplicate_items(item, path)
    elif isinstance(value, dict):
        for name, child in value.items():
            found += duplicate_items(child, joined(path, name))
    return found
