"""The vector files: one JSON object per line, the first one a header.

A vector has its own `body`, `raw` text or `rawBase64` bytes, or it names a `base` vector above it
and says what is changed: `drop` takes elements away, `set` replaces them, `fill` writes long texts
(`head` followed by `times` times `text`). Paths use dots; array items are numbers.
"""

import base64
import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = "emv3ds-message-vectors/1"
FOLDER = Path(__file__).resolve().parents[2] / "messages"
Line = dict[str, Any]


@dataclass(frozen=True)
class Vector:
    """One case with the bytes that go over the wire."""

    id: str
    version: str
    channel: str
    category: str
    message: str
    leg: str
    body: bytes
    code: str | None
    detail: frozenset[str] | None
    doubt: str | None


def _step(current: Any, token: str) -> Any:
    return current[int(token)] if isinstance(current, list) else current[token]


def _parent(body: Line, path: str) -> tuple[Any, str]:
    *front, last = path.split(".")
    current: Any = body
    for token in front:
        current = _step(current, token)
    return current, last


def changed(body: Line, line: Line) -> Line:
    """The base body with the changes of a line."""
    made = copy.deepcopy(body)
    for path in line.get("drop", ()):
        parent, last = _parent(made, path)
        del parent[last]
    fills = {
        path: fill.get("head", "") + fill["text"] * fill["times"]
        for path, fill in line.get("fill", {}).items()
    }
    for path, value in copy.deepcopy(line.get("set", {}) | fills).items():
        parent, last = _parent(made, path)
        if isinstance(parent, list):
            parent[int(last)] = value
        else:
            parent[last] = value
    return made


def _bytes(line: Line, body: Line | None) -> bytes:
    if "rawBase64" in line:
        return base64.b64decode(line["rawBase64"])
    if "raw" in line:
        return str(line["raw"]).encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def expand(lines: Iterable[Line]) -> list[Vector]:
    """Vectors of one file, bases applied; raises ValueError on a file that is not right."""
    header, *rest = lines
    if header.get("schema") != SCHEMA or header.get("count") != len(rest):
        raise ValueError("header: wrong schema or count")
    bodies: dict[str, Line] = {}
    places: dict[str, Line] = {}
    made: dict[str, Vector] = {}
    for line in rest:
        name = line["id"]
        if name in made:
            raise ValueError(f"{name}: twice")
        place = places[line["base"]] if "base" in line else line
        body = line.get("body")
        if "base" in line:
            body = changed(bodies[line["base"]], line)
        if body is not None:
            bodies[name], places[name] = body, place
        expect = line["expect"]
        detail = None if expect == "ok" else expect.get("errorDetail")
        made[name] = Vector(
            id=name,
            version=header["version"],
            channel=place["channel"],
            category=place["category"],
            message=place["message"],
            leg=place["leg"],
            body=_bytes(line, body),
            code=None if expect == "ok" else expect["errorCode"],
            detail=None if detail is None else frozenset(detail),
            doubt=line.get("doubt"),
        )
    return list(made.values())


def load(path: Path) -> list[Vector]:
    """Vectors of one file."""
    return expand(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
