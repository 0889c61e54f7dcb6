"""What an ACS has to answer to one incoming message: the checks in the order of P-AREQ-02..12."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .elements import Examiner, Finding, Scope
from .expressions import is_missing
from .facts import CATEGORIES, CHANNELS, VERSIONS
from .reader import NotAMessageError, duplicate_items, duplicate_names, parse

# Inside one stage: a wrong value before a reserved one; in the extension stage the shape before
# missing members before unknown critical extensions.
_PRECEDENCE = ("203", "207", "201", "202", "304")


@dataclass(frozen=True)
class Verdict:
    """`code` is None for a message that is fine; `details` are element names, ids or versions."""

    code: str | None = None
    details: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()


def _refused(code: str, *details: str) -> Verdict:
    return Verdict(code, frozenset(details))


def judge(
    body: str | bytes | Mapping[str, Any],
    expected: str,
    examiner: Examiner,
    leg: str,
    *,
    channel: str | None = None,
    category: str | None = None,
    versions: tuple[str, ...] = VERSIONS,
) -> Verdict:
    """Stops at the first failing stage and names all offenders of it.

    `channel` and `category` are those of the transaction, for messages that do not carry them.
    """
    try:
        message = body if isinstance(body, Mapping) else parse(body)
    except NotAMessageError:
        return _refused("101")
    kind = message.get("messageType")
    if is_missing(kind):
        return _refused("201", "messageType")
    if kind == "Erro":
        return Verdict()
    if kind != expected:
        return _refused("101")
    early = _version(message.get("messageVersion"), versions)
    if early is not None:
        return early
    version = message["messageVersion"]
    if expected == "OReq" and version < "2.3.1":
        return _refused("101")
    repeated = duplicate_names(message)
    if version == "2.3.1":
        repeated += duplicate_items(message)
    if repeated:
        return _refused("204", *repeated)
    if expected == "AReq":
        channel = _lookup(CHANNELS, message.get("deviceChannel"))
        category = _lookup(CATEGORIES, message.get("messageCategory"))
    scope = Scope(version, channel, category, leg)
    found = examiner.examine(expected, message, scope)
    # An element that the DS should have taken away is dropped [P-AREQ-16].
    found = [one for one in found if one.reason != "is not foreseen here"]
    if not found:
        return Verdict()
    stage = found[0].stage
    offenders = [one for one in found if one.stage == stage]
    code = min((one.code for one in offenders), key=_PRECEDENCE.index)
    offenders = [one for one in offenders if one.code == code]
    return Verdict(code, frozenset(one.element for one in offenders), tuple(offenders))


def _version(version: Any, versions: tuple[str, ...]) -> Verdict | None:
    if is_missing(version):
        return _refused("201", "messageVersion")
    shaped = isinstance(version, str) and re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version)
    if not shaped or not 5 <= len(version) <= 8:
        return _refused("203", "messageVersion")
    return None if version in versions else _refused("102", *versions)


def _lookup(table: dict[str, str], value: Any) -> str | None:
    return table.get(value) if isinstance(value, str) else None
