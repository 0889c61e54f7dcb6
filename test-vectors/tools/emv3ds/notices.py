"""Operational notices: one ORes per sequence, with the right status and ids [P-OPR-01, P-OPR-02]."""

from collections.abc import Iterator

from .elements import Examiner
from .traffic import Defect, Exchange, Record
from .verdict import judge


def check(exchange: Exchange, examiner: Examiner) -> Iterator[Defect]:
    """Each part of each sequence with what its receiver answered to it."""
    for receiver in ("ACS", "3DSS"):
        yield from _of_receiver(exchange, examiner, receiver)


def _of_receiver(exchange: Exchange, examiner: Examiner, receiver: str) -> Iterator[Defect]:
    parts: list[tuple[Record, Record | None]] = []
    for record in exchange.records:
        if receiver not in record.leg.split("-"):
            continue
        if record.kind == "OReq" and record.leg == f"DS-{receiver}":
            parts.append((record, None))
        answer = record.leg == f"{receiver}-DS" and record.direction == "response"
        if parts and answer and parts[-1][1] is None and record.kind in ("ORes", "Erro"):
            parts[-1] = (parts[-1][0], record)
        elif record.kind == "ORes":
            yield exchange.defect("ores-unasked", record, "", "an ORes without an OReq")
    yield from _sequences(exchange, parts, examiner)


def _sequences(
    exchange: Exchange, parts: list[tuple[Record, Record | None]], examiner: Examiner
) -> Iterator[Defect]:
    seen: dict[str, list[tuple[Record, Record | None]]] = {}
    for part, answer in parts:
        own = judge(part.message, "OReq", examiner, part.leg)
        refused = answer is not None and answer.kind == "Erro"
        if own.code is None and refused and answer is not None:
            # A sick ACS may refuse what is good [P-TRN-13].
            if answer.text("errorCode") not in ("303", "403", "404"):
                yield exchange.defect("erro-for-nothing", answer, "errorCode", "the OReq is good")
            continue
        if own.code is not None:
            if not refused:
                names = ", ".join(sorted(own.details))
                reason = f"the OReq is bad ({own.code}) and was taken"
                yield exchange.defect("defect-not-noticed", part, names, reason)
            continue
        earlier = seen.setdefault(_sequence(part)[0], [])
        yield from _answer(exchange, part, answer, earlier)
        earlier.append((part, answer))


def _answer(
    exchange: Exchange,
    part: Record,
    answer: Record | None,
    earlier: list[tuple[Record, Record | None]],
) -> Iterator[Defect]:
    for before, given in earlier:
        if before.message == part.message:
            if (given and given.message) != (answer and answer.message):
                yield exchange.defect("ores-repeat", part, "", "a repeat got another answer")
            return
    _, number, total = _sequence(part)
    numbers = [_sequence(before)[1] for before, _ in earlier]
    whole = numbers == list(range(1, number))
    if answer is None:
        if number == total:
            yield exchange.defect("ores-missing", part, "", "no ORes after the last part")
        return
    status = answer.text("opStatus")
    if whole and number < total and status != "02":
        yield exchange.defect("ores-early", answer, "", "an ORes before the last part")
    if not whole and status == "01":
        yield exchange.defect("ores-status", answer, "opStatus", "is 01 after a gap")
    if answer.id("dsTransID") != part.id("dsTransID"):
        yield exchange.defect("id", answer, "dsTransID", "differs from that of the OReq")
    names = (
        ("acsTransID", "acsReferenceNumber"),
        ("threeDSServerTransID", "threeDSServerRefNumber"),
    )
    own, foreign = names if part.leg == "DS-ACS" else reversed(names)
    for name in foreign:
        if name in answer.message:
            yield exchange.defect("ores-foreign", answer, name, "is not of whoever answers")
    for name in own:
        if not answer.text(name):
            yield exchange.defect("ores-needs", answer, name, "is missing in the ORes")


def _sequence(part: Record) -> tuple[str, int, int]:
    sequence = part.message["opSeq"]
    return sequence["seqId"].lower(), int(sequence["seqNum"]), int(sequence["seqTotal"])
