"""Checks one message against the tables: presence, type, length, pattern, codes, ISO lists."""

import base64
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from . import iso
from .expressions import holds, is_missing
from .facts import Facts, Rule
from .reader import joined

REQUIRED, CONDITION, FORMAT, ISO, EXTENSION, CROSS = 7, 8, 9, 10, 11, 12
_DATES = {
    "YYYYMMDD": "%Y%m%d",
    "YYYYMMDDHHMM-UTC": "%Y%m%d%H%M",
    "YYYYMMDDHHMMSS-UTC": "%Y%m%d%H%M%S",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "string|object": (str, dict),
}


@dataclass(frozen=True, order=True)
class Finding:
    """One defect of one element; `stage` is the number of the P-AREQ rule. Never holds a value."""

    stage: int
    code: str
    element: str
    reason: str


@dataclass(frozen=True)
class Scope:
    """Where a message stands: what its elements mean depends on it."""

    version: str
    channel: str | None
    category: str | None
    leg: str
    earlier: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # True for what the ACS sends: nothing beyond the tables, nothing of another channel.
    strict: bool = False


def inclusion(rule: Rule, scope: Scope, ui_type: str | None = None) -> str | None:
    """R, C, O, N, or None where the element is not foreseen."""
    cell = rule["inclusion"]
    if isinstance(cell, dict):
        cell = cell.get(f"{scope.channel}/{scope.category}")
    if cell is None:
        return None
    if ui_type is not None and "ui" in rule:
        cell = rule["ui"].get(ui_type, cell)
    leg: str = rule.get("leg", {}).get(scope.leg, cell)
    return leg


class Examiner:
    """Applies the tables to messages."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def examine(self, table: str, message: Mapping[str, Any], scope: Scope) -> list[Finding]:
        """All defects of one message, in stage order."""
        rules = self._facts.message(table, scope.version)
        if table == "AReq" and scope.version == "2.2.0":
            # [P-AREQ-12] an unpadded number of minutes is taken in 2.2.0
            lenient = dict(rules["threeDSRequestorDecMaxTime"], min=1, regex="^[0-9]{1,5}$")
            rules = {**rules, "threeDSRequestorDecMaxTime": lenient}
        found = list(self._members(rules, message, scope, ""))
        if table == "AReq":
            found += _areq_contradictions(message, scope)
        if table == "OReq":
            found += _sequence_contradictions(message)
        if table in ("AReq", "ARes", "RReq", "CReq", "CRes", "CResFinal", "RRes", "OReq"):
            found += _extensions(message)
        return sorted(set(found))

    def _members(
        self, rules: dict[str, Rule], members: Mapping[str, Any], scope: Scope, path: str
    ) -> Iterator[Finding]:
        ui_type = members.get("acsUiType") if not path else None
        for name, rule in rules.items():
            if name == "*":
                for key, value in members.items():
                    yield from self._value(rule, value, scope, joined(path, key))
                continue
            where = joined(path, name)
            yield from self._element(name, rule, members, scope, where, ui_type)
        if scope.strict and "*" not in rules:
            for name in members.keys() - rules.keys():
                yield Finding(FORMAT, "203", joined(path, name), "is not in the tables")

    def _element(
        self,
        name: str,
        rule: Rule,
        members: Mapping[str, Any],
        scope: Scope,
        where: str,
        ui_type: str | None,
    ) -> Iterator[Finding]:
        cell = inclusion(rule, scope, ui_type)
        extension = where.startswith("messageExtension.")
        sent, value = name in members, members.get(name)
        if cell is None or cell == "N":
            # In an Erro about a message whose channel cannot be read nothing is foreign.
            unknown = cell is None and isinstance(rule["inclusion"], dict)
            unknown = unknown and None in (scope.channel, scope.category)
            if sent and (scope.strict or cell == "N") and not unknown:
                yield Finding(FORMAT, "203", where, "is not foreseen here")
            return
        look = self._lookup(members, scope)
        if cell == "R" and is_missing(value):
            stage = EXTENSION if extension else REQUIRED
            yield Finding(stage, "201", where, "is required and missing")
        elif name == "oobContinue" and "challengeCancel" in members and not sent:
            # Who cancels continues nothing, as with the other answers to a screen.
            return
        elif "required_if" in rule and is_missing(value) and holds(rule["required_if"], look):
            yield Finding(CONDITION, "201", where, "is required by its condition and missing")
        elif sent and is_missing(value):
            yield Finding(FORMAT, "203", where, "is empty")
        elif sent and "absent_if" in rule and holds(rule["absent_if"], look):
            yield Finding(FORMAT, "203", where, "must not be there")
        elif sent:
            yield from self._value(rule, value, scope, where)

    @staticmethod
    def _lookup(members: Mapping[str, Any], scope: Scope) -> Any:
        def look(name: str) -> Any:
            if name in ("channel", "category"):
                return getattr(scope, name)
            head, _, rest = name.partition(".")
            if head in ("areq", "ares", "cres") and rest:
                return scope.earlier.get(head, {}).get(rest)
            current: Any = members
            for part in name.split("."):
                current = current.get(part) if isinstance(current, Mapping) else None
            return current

        return look

    def _value(self, rule: Rule, value: Any, scope: Scope, where: str) -> Iterator[Finding]:
        bad = FORMAT if not where.startswith("messageExtension") else EXTENSION
        if where.endswith("webAuthnCredList.credentialIds") and isinstance(value, list):
            return
        if not isinstance(value, _TYPES[rule["type"]]):
            yield Finding(bad, "203", where, f"is not of type {rule['type']}")
        elif isinstance(value, str):
            yield from _text(rule, value, scope, where, bad)
        elif isinstance(value, bool):
            if "values" in rule and str(value).lower() not in rule["values"]:
                yield Finding(bad, "203", where, "has a value that is not allowed")
        elif isinstance(value, dict):
            if "max" in rule and _size(value) > rule["max"]:
                yield Finding(bad, "203", where, f"is longer than {rule['max']} characters")
            if "object" in rule:
                table = self._facts.object(rule["object"], scope.version)
                yield from self._members(table, value, scope, where)
        elif isinstance(value, list):
            yield from self._items(rule, value, scope, where, bad)

    def _items(
        self, rule: Rule, items: list[Any], scope: Scope, where: str, bad: int
    ) -> Iterator[Finding]:
        low, high = rule.get("minItems", 1), rule.get("maxItems")
        if len(items) < low or (high is not None and len(items) > high):
            yield Finding(bad, "203", where, f"has {len(items)} items, not {low} to {high}")
        if rule["items"] == "object" and "object" in rule:
            each: Rule = {"type": "object", "object": rule["object"]}
        elif rule["items"] == "string":
            names = {"itemMin": "min", "itemMax": "max", "itemRegex": "regex"}
            each = {"type": "string"} | {names[k]: rule[k] for k in names if k in rule}
            each |= {k: rule[k] for k in ("values", "reserved") if k in rule}
        else:
            each = {"type": rule["items"]}
        for item in items:
            if is_missing(item):
                yield Finding(bad, "203", where, "has an empty item")
            else:
                yield from self._value(each, item, scope, where)


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _text(rule: Rule, value: str, scope: Scope, where: str, bad: int) -> Iterator[Finding]:
    low, high = rule.get("min", 1), rule.get("max")
    if len(value) < low or (high is not None and len(value) > high):
        yield Finding(bad, "203", where, f"has {len(value)} characters, not {low} to {high}")
        return
    if "regex" in rule and not re.fullmatch(rule["regex"], value, re.ASCII):
        yield Finding(bad, "203", where, "does not fit its pattern")
        return
    if "number" in rule and not _in_range(rule["number"], value):
        yield Finding(bad, "203", where, "is out of its range")
        return
    if "values" in rule and value not in rule["values"]:
        reserved = is_reserved(rule, value)
        code = "207" if reserved and scope.version == "2.3.1" else "203"
        what = "is a reserved code" if reserved else "is not a code of this version"
        yield Finding(bad, code, where, what)
        return
    yield from _format(rule.get("format", ""), value, where, bad)


def _in_range(limits: dict[str, int], value: str) -> bool:
    if not value.isdecimal():
        return False
    return limits.get("min", 0) <= int(value) <= limits.get("max", int(value))


def is_reserved(rule: Rule, value: str) -> bool:
    """Whether the code lies in a range kept by EMVCo or by the DS."""
    if not re.fullmatch("[0-9]{2}", value):
        return False
    for ranges in rule.get("reserved", {}).values():
        for text in ranges:
            first, _, last = text.partition("-")
            if first <= value <= (last or first):
                return True
    return False


def _format(kind: str, value: str, where: str, bad: int) -> Iterator[Finding]:
    if kind == "url" and not _is_url(value):
        yield Finding(bad, "203", where, "is not a URL")
    elif kind == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        yield Finding(bad, "203", where, "is not an e-mail address")
    elif kind == "ip" and not _is_ip(value):
        yield Finding(bad, "203", where, "is not an IP address")
    elif kind in _DATES and not _is_date(value, _DATES[kind]):
        yield Finding(bad, "203", where, "is not a date of the calendar")
    elif kind == "iso4217-numeric":
        if value not in iso.CURRENCIES and value not in iso.RECENT_CHANGES:
            yield Finding(ISO, "304", where, "is not a currency of ISO 4217")
    elif kind == "iso3166-1-numeric" and value not in iso.COUNTRIES:
        yield Finding(ISO, "304", where, "is not a country of ISO 3166-1")


def _is_url(value: str) -> bool:
    if re.search(r"[\s<>\"\\\x00-\x1f\x7f]", value):
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme.lower() in ("https", "http") and bool(parts.hostname)


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_date(value: str, layout: str) -> bool:
    try:
        datetime.strptime(value, layout)
    except ValueError:
        return False
    return True


_P256 = (
    0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
)


def on_p256(x: int, y: int) -> bool:
    """Whether the point satisfies the curve equation."""
    prime, b = _P256
    inside = 0 <= x < prime and 0 <= y < prime
    return inside and (y * y - (x * x * x - 3 * x + b)) % prime == 0


def _coordinate(text: Any) -> int | None:

    if not isinstance(text, str) or not re.fullmatch("[A-Za-z0-9_-]{43}", text, re.ASCII):
        return None
    return int.from_bytes(base64.urlsafe_b64decode(text + "="))


def _areq_contradictions(areq: Mapping[str, Any], scope: Scope) -> Iterator[Finding]:
    """What concerns more than one element of an AReq [P-AREQ-12, P-AREQ-19, P-GEN-12]."""
    yield from _lone_sources(areq, scope.version)
    yield from _exponents(areq, scope)
    if scope.version == "2.3.1":
        yield from _unknown_sellers(areq)
    key = areq.get("sdkEphemPubKey")
    if scope.channel == "APP" and isinstance(key, dict):
        x, y = _coordinate(key.get("x")), _coordinate(key.get("y"))
        if "d" in key or (x is not None and y is not None and not on_p256(x, y)):
            yield Finding(FORMAT, "203", "sdkEphemPubKey", "is not a public point on P-256")


def _unknown_sellers(areq: Mapping[str, Any]) -> Iterator[Finding]:
    """A merchant of several whose seller is not described [P-231-05]."""
    several = areq.get("multiTransaction")
    named = _seller_ids(several.get("merchantList") if isinstance(several, dict) else None)
    if named - _seller_ids(areq.get("sellerInfo")):
        name = "multiTransaction.merchantList.sellerId"
        yield Finding(CROSS, "203", name, "names a seller that sellerInfo does not have")


def _seller_ids(listed: Any) -> set[str]:
    items = listed if isinstance(listed, list) else []
    found = [item.get("sellerId") for item in items if isinstance(item, dict)]
    return {seller for seller in found if isinstance(seller, str) and seller}


def _sequence_contradictions(oreq: Mapping[str, Any]) -> Iterator[Finding]:
    """A part behind the last one of its sequence [P-OPR-01]."""
    sequence = oreq.get("opSeq")
    if not isinstance(sequence, dict):
        return
    number, total = sequence.get("seqNum"), sequence.get("seqTotal")
    both = isinstance(number, str) and isinstance(total, str)
    if both and re.fullmatch("[0-9]{4}", f"{number}{total}", re.ASCII) and number > total:
        yield Finding(CROSS, "203", "opSeq.seqNum", "is behind the last part")


_STATUSES = {
    "2.1.0": (),
    "2.2.0": ("whiteListStatus",),
    "2.3.1": ("trustListStatus", "cardSecurityCodeStatus", "deviceBindingStatus"),
}


def _lone_sources(areq: Mapping[str, Any], version: str) -> Iterator[Finding]:
    for status in _STATUSES[version]:
        if status.endswith("ListStatus") and areq.get(status) in ("E", "P", "R", "U"):
            yield Finding(CROSS, "203", status, "may only be Y or N in an AReq")
        if status not in areq and f"{status}Source" in areq:
            yield Finding(CROSS, "203", f"{status}Source", "is there without its status")


def _exponents(areq: Mapping[str, Any], scope: Scope) -> Iterator[Finding]:
    if scope.version != "2.1.0" or scope.channel != "3RI":
        yield from _exponent(areq, "purchase", "")
    if scope.version != "2.3.1":
        return
    yield from _exponent(areq, "recurring", "")
    several = areq.get("multiTransaction")
    listed = several.get("merchantList") if isinstance(several, dict) else None
    for merchant in listed if isinstance(listed, list) else ():
        if isinstance(merchant, dict):
            yield from _exponent(merchant, "merchant", "multiTransaction.merchantList")


def _exponent(members: Mapping[str, Any], kind: str, path: str) -> Iterator[Finding]:
    currency, exponent = members.get(f"{kind}Currency"), members.get(f"{kind}Exponent")
    if not isinstance(currency, str) or not isinstance(exponent, str):
        return
    right = iso.CURRENCIES.get(currency)
    fits = right is None or exponent == str(right) or currency in iso.RECENT_CHANGES
    if not fits and re.fullmatch("[0-9]", exponent):
        for name in ("Currency", "Exponent"):
            where = joined(path, kind + name)
            yield Finding(ISO, "304", where, "exponent is not that of the currency")


def _extensions(message: Mapping[str, Any]) -> Iterator[Finding]:
    """[P-GEN-13] beyond the shape: the size of the whole, and critical extensions."""
    extensions = message.get("messageExtension")
    if not isinstance(extensions, list):
        return
    if _size(extensions) > 81_920:
        yield Finding(EXTENSION, "203", "messageExtension", "is longer than 81920 characters")
    for extension in extensions:
        if isinstance(extension, dict) and extension.get("criticalityIndicator") is True:
            # The id is asked for in errorDetail, so it stands in the place of the element.
            name = extension.get("id")
            if isinstance(name, str) and name:
                reason = "critical message extension is not known"
                yield Finding(EXTENSION, "202", _shown(name), reason)


def _shown(name: str) -> str:
    """A stranger's id as errorDetail may carry it: no list mark, no account number, not empty."""
    shown = "".join(mark for mark in name if "!" <= mark <= "~" and mark != ",")[:64]
    return shown if shown and not re.search("[0-9]{13}", shown) else "unknown extension"
