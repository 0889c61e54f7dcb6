"""Recorded traffic: reading it, grouping it, and checking each message by itself."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .elements import Examiner, Scope
from .facts import CATEGORIES, CHANNELS, VERSIONS

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """One message on one leg, as recorded."""

    place: int
    at: int
    leg: str
    direction: str
    message: Message
    txn: str

    @property
    def kind(self) -> str:
        """messageType, or `?`."""
        kind = self.message.get("messageType")
        return kind if isinstance(kind, str) else "?"

    @property
    def from_acs(self) -> bool:
        """Whether the ACS made this message."""
        return self.leg.startswith("ACS-")

    def text(self, name: str) -> str:
        """A text element, or the empty text."""
        value = self.message.get(name)
        return value if isinstance(value, str) else ""

    def id(self, name: str) -> str:
        """A transaction id as it is compared [P-GEN-09]."""
        return self.text(name).lower()


@dataclass(frozen=True, order=True)
class Defect:
    """One line of the report. Never holds a value of an element."""

    txn: str
    rule: str
    element: str
    leg: str
    kind: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.rule}: {self.element or '-'} {self.reason}"
            f" [{self.kind} {self.leg}, txn {self.txn}]"
        )


@dataclass
class Exchange:
    """All that belongs to one dsTransID: one authentication as the ACS sees it."""

    txn: str
    ds_trans_id: str
    records: list[Record] = field(default_factory=list)

    def on(self, kind: str, *legs: str) -> list[Record]:
        """Messages of one type, in order, on these legs (all when none is named)."""
        return [r for r in self.records if r.kind == kind and (not legs or r.leg in legs)]

    def first(self, kind: str, leg: str) -> Record | None:
        """The first message of one type on a leg."""
        return next(iter(self.on(kind, leg)), None)

    @property
    def areq(self) -> Record | None:
        """The request as the ACS got it."""
        return self.first("AReq", "DS-ACS")

    @property
    def ares(self) -> Record | None:
        """The answer of the ACS, when it was no Erro."""
        return self.first("ARes", "ACS-DS")

    @property
    def version(self) -> str:
        """Version of the request, or of any message when that is not known."""
        for record in [self.areq, *self.records]:
            if record is not None and record.text("messageVersion") in VERSIONS:
                return record.text("messageVersion")
        return VERSIONS[-1]

    def _of_areq(self, name: str, table: dict[str, str]) -> str | None:
        for record in self.on("AReq"):
            return table.get(record.text(name))
        return None

    @property
    def channel(self) -> str | None:
        """APP, BRW or 3RI."""
        return self._of_areq("deviceChannel", CHANNELS)

    @property
    def category(self) -> str | None:
        """PA or NPA."""
        return self._of_areq("messageCategory", CATEGORIES)

    def defect(self, rule: str, record: Record | None, element: str, reason: str) -> Defect:
        """A defect of this exchange, about one record or about the whole."""
        leg, kind = (record.leg, record.kind) if record else ("-", "exchange")
        return Defect(self.txn, rule, element, leg, kind, reason)


class BadRecordError(ValueError):
    """A line that is no record."""


def read(paths: Iterable[Path]) -> list[Record]:
    """All records of the files, in the order of their time; raises BadRecordError."""
    records: list[Record] = []
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    records.append(_record(line, f"{path}:{number}", len(records)))
    return sorted(records, key=lambda record: (record.at, record.place))


def _record(line: str, where: str, place: int) -> Record:
    try:
        raw = json.loads(line)
        message = raw["message"]
        if not isinstance(message, dict):
            message = {}
        # What a real browser posts to the shop is the ACS's own message, carried unchanged.
        leg = "ACS-BRW" if raw["leg"] == "BRW-3DSS" else raw["leg"]
        return Record(
            place, int(raw["at"]), leg, raw["direction"], message, str(raw["txn"]).lower()
        )
    except (ValueError, KeyError, TypeError) as error:
        kind = type(error).__name__
        raise BadRecordError(f"{where}: not a record of the simulator ({kind})") from None


def exchanges(records: Iterable[Record]) -> list[Exchange]:
    """Groups records by transaction and dsTransID.

    The first leg has no dsTransID yet and browser messages never have one: they go to the exchange
    of their transaction that has the same acsTransID, else to the newest one.
    """
    by_txn: dict[str, list[Record]] = {}
    for record in records:
        by_txn.setdefault(record.txn, []).append(record)
    return [made for txn, members in by_txn.items() for made in _of_one(txn, members)]


def _of_one(txn: str, records: list[Record]) -> Iterator[Exchange]:
    made: dict[str, Exchange] = {}
    by_acs_id: dict[str, str] = {}
    waiting: list[Record] = []
    newest = ""
    for record in records:
        key = record.id("dsTransID")
        if record.kind == "AReq" and record.leg == "3DSS-DS":
            waiting.append(record)
            continue
        if not key or (key not in made and record.kind != "AReq"):
            key = by_acs_id.get(record.id("acsTransID"), newest)
        if key not in made:
            made[key] = Exchange(txn, key)
        if record.kind == "AReq":
            newest = key
            made[key].records.extend(waiting)
            waiting.clear()
        if record.kind == "ARes":
            by_acs_id.setdefault(record.id("acsTransID"), key)
        made[key].records.append(record)
    if waiting:
        made.setdefault("", Exchange(txn, "")).records.extend(waiting)
    yield from made.values()


def check_messages(exchange: Exchange, examiner: Examiner, *, only_acs: bool) -> Iterator[Defect]:
    """Each message by itself, with the earlier ones at hand for its conditions."""
    earlier: dict[str, Message] = {}
    for record in exchange.records:
        table = table_of(record)
        if table is None:
            if not only_acs or record.from_acs:
                yield exchange.defect("type", record, "messageType", "is no type of this leg")
            continue
        if not only_acs or record.from_acs:
            yield from _check_one(exchange, record, table, earlier, examiner)
        if record.kind in ("AReq", "ARes", "CRes"):
            earlier[record.kind.lower()] = record.message


_LEGS = {
    "AReq": ("3DSS-DS", "DS-ACS"),
    "ARes": ("ACS-DS", "DS-3DSS"),
    "CReq": ("BRW-ACS", "SDK-ACS"),
    "CRes": ("ACS-BRW", "ACS-SDK"),
    "RReq": ("ACS-DS", "DS-3DSS"),
    "RRes": ("3DSS-DS", "DS-ACS"),
    "PReq": ("3DSS-DS",),
    "PRes": ("DS-3DSS",),
    "OReq": ("DS-ACS", "DS-3DSS"),
    "ORes": ("ACS-DS", "3DSS-DS"),
}


def table_of(record: Record) -> str | None:
    """The table that holds the elements of this message; None for a type foreign to the leg."""
    if record.kind == "Erro":
        return "Erro"
    if record.leg not in _LEGS.get(record.kind, ()):
        return None
    if record.kind == "CRes":
        last = record.leg == "ACS-BRW" or "transStatus" in record.message
        return "CResFinal" if last else "CRes"
    return record.kind


def _check_one(
    exchange: Exchange,
    record: Record,
    table: str,
    earlier: Mapping[str, Message],
    examiner: Examiner,
) -> Iterator[Defect]:
    scope = Scope(
        exchange.version,
        exchange.channel,
        exchange.category,
        record.leg,
        dict(earlier),
        strict=record.from_acs,
    )
    for found in examiner.examine(table, record.message, scope):
        if found.code == "202":
            continue  # whether an extension is known depends on the receiver
        yield exchange.defect(f"element-{found.code}", record, found.element, found.reason)
