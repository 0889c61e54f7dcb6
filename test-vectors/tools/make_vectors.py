#!/usr/bin/env python3
"""Writes test-vectors/messages/*.jsonl: good messages, and what systematic changes make of them.

The good messages are written by hand (emv3ds/samples.py). The tables only tell which changes make
sense for an element; what a change is answered with stands here.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emv3ds import facts, handmade, samples, vectors
from emv3ds.elements import Scope, inclusion
from emv3ds.expressions import holds
from emv3ds.facts import VERSIONS, Facts, Rule

Line = dict[str, Any]
# Written by hand in emv3ds/handmade.py.
_OWN_CASES = ("messageExtension",)
# Not sure (fewer digits in 2.2.0), or too long for its object as well.
_LEFT_OUT = ("2.2.0 threeDSRequestorDecMaxTime/too-short", "2.3.1 broadInfo.description/too-long")


def expect(code: str, *detail: str) -> Line:
    """An expected Erro."""
    made: Line = {"errorCode": code}
    if detail:
        made["errorDetail"] = list(detail)
    return made


def _plain(path: str) -> str:
    return ".".join(token for token in path.split(".") if not token.isdecimal())


class Changes:
    """Systematic changes of one base message."""

    def __init__(self, tables: Facts, base: str, body: Line, table: str, scope: Scope) -> None:
        self._tables = tables
        self._base = base
        self._body = body
        self._scope = scope
        self._rules = tables.message(table, scope.version)

    def lines(self, names: set[str] | None = None, *, deep: bool = True) -> Iterator[Line]:
        """Changes of all elements (or of `names`); not `deep`: only presence."""
        for name, rule in self._rules.items():
            wanted = names is None or name in names
            if wanted and name in self._body and name not in _OWN_CASES:
                for line in self._element(name, name, rule, self._body, deep):
                    what = line["id"].removeprefix(f"{self._base}/")
                    if f"{self._scope.version} {what}" not in _LEFT_OUT:
                        yield line

    def _line(self, path: str, what: str, code: str, **change: Any) -> Line:
        name = f"{self._base}/{_plain(path)}/{what}"
        detail = _plain(path)
        return {"id": name, "base": self._base, **change, "expect": expect(code, detail)}

    def _needed(self, name: str, rule: Rule, members: Line) -> bool:
        if inclusion(rule, self._scope) == "R":
            return True

        def look(word: str) -> Any:
            if word in ("channel", "category"):
                return getattr(self._scope, word)
            value: Any = members
            for part in word.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            return None if word == name else value

        return "required_if" in rule and holds(rule["required_if"], look)

    def _element(
        self, path: str, name: str, rule: Rule, members: Line, deep: bool
    ) -> Iterator[Line]:
        if inclusion(rule, self._scope) in (None, "N"):
            return
        needed = self._needed(name, rule, members)
        if needed:
            yield self._line(path, "missing", "201", drop=[path])
            yield self._line(path, "null", "201", set={path: None})
        if needed or deep:
            empty: Any = {"object": {}, "array": []}.get(rule["type"], "")
            yield self._line(path, "empty", "201" if needed else "203", set={path: empty})
        if not deep or name == "messageType":
            return
        wrong: Any = 5 if rule["type"].startswith("string") else "text"
        yield self._line(path, "wrong-type", "203", set={path: wrong})
        if name != "messageVersion":
            yield from self._values(path, rule, members[name])

    def _values(self, path: str, rule: Rule, value: Any) -> Iterator[Line]:
        if isinstance(value, str):
            yield from self._text(path, rule, value)
        elif isinstance(value, bool):
            if "values" in rule:
                yield self._line(path, "not-allowed", "203", set={path: not value})
        elif isinstance(value, list):
            yield from self._array(path, rule, value)
        elif "object" in rule:
            yield from self._object(path, rule["object"], value)

    def _object(self, path: str, table: str, members: Line) -> Iterator[Line]:
        for name, rule in self._tables.object(table, self._scope.version).items():
            if name in members:
                yield from self._element(f"{path}.{name}", name, rule, members, True)

    def _array(self, path: str, rule: Rule, items: list[Any]) -> Iterator[Line]:
        yield self._line(path, "empty-item", "203", set={f"{path}.0": ""})
        if rule["items"] == "object":
            yield self._line(path, "text-item", "203", set={f"{path}.0": "text"})
            yield from self._object(f"{path}.0", rule["object"], items[0])
            return
        yield self._line(path, "number-item", "203", set={f"{path}.0": 5})
        if "itemMax" in rule:
            fill = {"text": "0", "times": rule["itemMax"] + 1}
            yield self._line(path, "long-item", "203", fill={f"{path}.0": fill})
        many = rule.get("maxItems", 99)
        if many < 10:
            values = list(rule["values"])[: many + 1]
            if len(values) == many + 1:
                yield self._line(path, "too-many", "203", set={path: values})
        yield from self._codes(path, f"{path}.0", rule)

    def _text(self, path: str, rule: Rule, value: str) -> Iterator[Line]:
        if "max" in rule:
            digits = value.isdecimal()
            fill: Line = {"text": "1" if digits else "x", "times": rule["max"] + 1}
            if rule.get("format") == "url":
                fill = {"head": value + "/", "text": "x", "times": rule["max"] - len(value)}
            yield self._line(path, "too-long", "203", fill={path: fill})
        if rule.get("min", 1) > 1 and len(value) >= rule["min"]:
            yield self._line(path, "too-short", "203", set={path: value[: rule["min"] - 1]})
        if "regex" in rule:
            yield self._line(path, "pattern", "203", set={path: "*" + value[1:]})
        if rule["type"] == "string":
            yield from self._codes(path, path, rule)
            yield from self._number(path, rule, len(value))
            yield from self._format(path, rule.get("format", ""))

    def _codes(self, path: str, where: str, rule: Rule) -> Iterator[Line]:
        if "values" not in rule:
            return
        length = len(next(iter(rule["values"])))
        yield self._line(path, "unknown-code", "203", set={where: "#" * length})
        reserved = "207" if self._scope.version == "2.3.1" else "203"
        for owner, ranges in rule.get("reserved", {}).items():
            for text in ranges:
                first, _, last = text.partition("-")
                for code in sorted({first, last or first}):
                    change = {where: code}
                    yield self._line(path, f"reserved-{owner}-{code}", reserved, set=change)

    def _number(self, path: str, rule: Rule, width: int) -> Iterator[Line]:
        limits = rule.get("number", {})
        low = str(limits.get("min", 0) - 1)
        if limits.get("min", 0) > 0:
            yield self._line(path, "too-small", "203", set={path: low.zfill(rule["min"])})
        high = str(limits.get("max", 0) + 1)
        if "max" in limits and len(high) <= rule["max"]:
            yield self._line(path, "too-large", "203", set={path: high.zfill(rule["min"])})

    def _format(self, path: str, kind: str) -> Iterator[Line]:
        bad: dict[str, tuple[str, ...]] = {
            "url": (
                "no address",
                "https:/shop.example",
                "https://shop.example/x ",
                "https://shop.example/\tx",
                "https:\\\\shop.example",
                "ftp://shop.example",
            ),
            "ip": ("192.0.2.256", "2001:db8::g"),
            "YYMM": ("2913", "2900"),
            "YYYYMMDD": ("20261301", "20260132", "20260230", "20270229"),
            "YYYYMMDDHHMM-UTC": ("202613010000", "202601012400", "202602300000"),
            "YYYYMMDDHHMMSS-UTC": ("20261301000000", "20260101000060", "20260230000000"),
        }
        for number, text in enumerate(bad.get(kind, ()), 1):
            yield self._line(path, f"format-{number}", "203", set={path: text})
        doubtful = {
            "email": ("no-at-sign", "how strictly addresses are read is not settled"),
        }
        if kind in doubtful:
            text, doubt = doubtful[kind]
            yield self._line(path, "format-doubt", "203", set={path: text}) | {"doubt": doubt}
        unknown = {
            "iso4217-numeric": ("000", "955", "964", "999"),
            "iso3166-1-numeric": ("000", "901", "999"),
        }
        for text in unknown.get(kind, ()):
            yield self._line(path, f"iso-{text}", "304", set={path: text})


def _base(name: str, body: Line, channel: str, category: str, leg: str) -> Line:
    return {
        "id": name,
        "channel": channel,
        "category": category,
        "message": body["messageType"],
        "leg": leg,
        "body": body,
        "expect": "ok",
    }


def _areqs(tables: Facts, version: str) -> Iterator[Line]:
    kinds = [(c, k) for c in ("BRW", "APP", "3RI") for k in ("PA", "NPA")]
    kinds.remove(("3RI", "PA")) if version == "2.1.0" else None
    rules = tables.message("AReq", version)
    seen: set[str] = set()
    for number, (channel, category) in enumerate(kinds, 1):
        scope = Scope(version, channel, category, "DS-ACS")
        place = f"{version}/areq/{channel.lower()}-{category.lower()}"
        body = samples.areq(version, channel, category, number)
        yield _base(f"{place}/least", body, channel, category, "DS-ACS")
        yield from Changes(tables, f"{place}/least", body, "AReq", scope).lines(deep=False)
        names = {name for name, rule in rules.items() if inclusion(rule, scope) not in (None, "N")}
        if version == "2.1.0" and channel == "3RI":
            names -= {"threeDSServerURL"}
        full = samples.full(version, channel, category, names, number)
        yield _base(f"{place}/full", full, channel, category, "DS-ACS")
        changes = Changes(tables, f"{place}/full", full, "AReq", scope)
        yield from changes.lines(set(full) - seen)
        seen |= set(full)


def _others(tables: Facts, version: str) -> Iterator[Line]:
    request = samples.areq(version, "BRW", "PA", 1)
    creq = samples.creq(request)
    name = f"{version}/creq/browser"
    yield _base(name, creq, "BRW", "PA", "BRW-ACS")
    scope = Scope(version, "BRW", "PA", "BRW-ACS")
    yield from Changes(tables, name, creq, "CReq", scope).lines(set(creq) - {"messageType"})
    rres = samples.rres(request)
    name = f"{version}/rres/browser"
    yield _base(name, rres, "BRW", "PA", "DS-ACS")
    scope = Scope(version, "BRW", "PA", "DS-ACS")
    changes = Changes(tables, name, rres, "RRes", scope)
    yield from changes.lines(set(rres) - {"resultsStatus", "messageType"}, deep=False)
    yield from changes.lines({"resultsStatus"})
    if version == "2.3.1":
        oreq = samples.oreq(version, 2, 3)
        name = f"{version}/oreq/part"
        yield _base(name, oreq, "BRW", "PA", "DS-ACS")
        changes = Changes(tables, name, oreq, "OReq", scope)
        yield from changes.lines(set(oreq) - {"messageType"})
    yield _base(
        f"{version}/erro/from-ds", samples.erro(request, "D", "203", "eci"), "BRW", "PA", "DS-ACS"
    )


def lines_of(tables: Facts, version: str) -> list[Line]:
    """All lines of one file, header first."""
    made = [*_areqs(tables, version), *_others(tables, version), *handmade.lines(version)]
    header = {
        "schema": vectors.SCHEMA,
        "version": version,
        "count": len(made),
        "origin": "own: made by tools/make_vectors.py, no text or data of others",
    }
    return [header, *made]


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--facts", type=Path, default=facts.DEFAULT_FOLDER, metavar="DIR")
    parser.add_argument("--out", type=Path, default=vectors.FOLDER, metavar="DIR")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when files differ")
    options = parser.parse_args()
    tables = facts.load(options.facts)
    differs = False
    for version in VERSIONS:
        made = lines_of(tables, version)
        vectors.expand(made)
        text = "".join(
            json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in made
        )
        path = options.out / f"{version}.jsonl"
        if options.check:
            differs |= path.read_text(encoding="utf-8") != text
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{path}: {len(made) - 1} vectors, {len(text)} characters")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
