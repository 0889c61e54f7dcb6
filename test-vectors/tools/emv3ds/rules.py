"""Rules between the messages of one authentication [P-STAT, P-ARES, P-RREQ, P-BRW]."""

import json
from collections.abc import Iterator
from typing import Any

from . import notices
from .elements import Examiner
from .expressions import is_missing
from .facts import VERSIONS
from .traffic import Defect, Exchange, Record
from .verdict import judge

_IDS = ("threeDSServerTransID", "dsTransID", "acsTransID", "sdkTransID")
# Codes that follow from the message alone and survive recording as parsed JSON.
_JUDGED_CODES = frozenset("102 201 202 203 207 304".split())


def check(exchange: Exchange, examiner: Examiner, *, open_ends: bool) -> Iterator[Defect]:
    """All rules that need more than one message. `open_ends`: a missing RReq may still come."""
    yield from _constant(exchange)
    yield from _secrets(exchange)
    yield from _answers(exchange)
    yield from _agreement(exchange, examiner)
    yield from notices.check(exchange, examiner)
    for record in exchange.on("Erro"):
        if record.from_acs and record.text("errorComponent") != "A":
            yield exchange.defect("erro-component", record, "errorComponent", "is not the ACS")
    if exchange.ares is not None:
        yield from _ares(exchange, exchange.ares)
    yield from _results(exchange, open_ends)
    for record in exchange.on("CRes", "ACS-BRW"):
        yield from _final(exchange, record)


def check_all(found: list[Exchange]) -> Iterator[Defect]:
    """Rules between authentications: no acsTransID serves two of them."""
    owners: dict[str, tuple[str, str]] = {}
    for exchange in found:
        for record in exchange.on("ORes", "ACS-DS"):
            one = (exchange.txn, record.id("dsTransID"))
            if owners.setdefault(record.id("acsTransID"), one) != one:
                reason = "was already used for something else"
                yield exchange.defect("acs-id-reused", record, "acsTransID", reason)
        if exchange.ares is None:
            continue
        me = (exchange.txn, exchange.ds_trans_id)
        if owners.setdefault(exchange.ares.id("acsTransID"), me) != me:
            reason = "was already used for another authentication"
            yield exchange.defect("acs-id-reused", exchange.ares, "acsTransID", reason)


def _constant(exchange: Exchange) -> Iterator[Defect]:
    """Ids and version do not change [P-GEN-01, P-GEN-10]."""
    areq, ares = exchange.areq, exchange.ares
    if areq is None:
        return
    ids = {name: areq.id(name) for name in _IDS if areq.id(name)}
    if ares is not None:
        ids.setdefault("acsTransID", ares.id("acsTransID"))
    for record in exchange.records:
        if not record.from_acs:
            continue
        for name, value in ids.items():
            if record.id(name) not in ("", value):
                yield exchange.defect("id", record, name, "differs from that of the transaction")
        # 101: the message, and so its version, could not be read.
        unread = record.kind == "Erro" and record.text("errorCode") == "101"
        same = record.text("messageVersion") == areq.text("messageVersion")
        if areq.text("messageVersion") in VERSIONS and not same and not unread:
            yield exchange.defect("version", record, "messageVersion", "differs from the AReq")
    for record in exchange.on("ARes", "ACS-DS"):
        if record.text("dsReferenceNumber") != areq.text("dsReferenceNumber"):
            yield exchange.defect("echo", record, "dsReferenceNumber", "differs from the AReq")


def _secrets(exchange: Exchange) -> Iterator[Defect]:
    """The account number goes to the ACS and never comes back."""
    numbers = {record.text("acctNumber") for record in exchange.on("AReq")} - {""}
    numbers = {number for number in numbers if number.isdecimal() and len(number) >= 13}
    for record in exchange.records:
        if record.from_acs and numbers:
            text = json.dumps(record.message)
            if any(number in text for number in numbers):
                yield exchange.defect("pan-leak", record, "acctNumber", "occurs in the message")


def _answers(exchange: Exchange) -> Iterator[Defect]:
    """Repeated requests get the identical answer, or an Erro [P-AREQ-20]."""
    answers = exchange.on("ARes", "ACS-DS")
    for record in answers[1:]:
        if record.message != answers[0].message:
            yield exchange.defect("second-ares", record, "", "differs from the first answer")


def _agreement(exchange: Exchange, examiner: Examiner) -> Iterator[Defect]:
    """The answer to each AReq is the one that an independent reading of it gives."""
    areq: Record | None = None
    for record in exchange.records:
        if record.kind == "AReq" and record.leg == "DS-ACS":
            areq = record
        answered = record.leg == "ACS-DS" and record.direction == "response"
        if areq is None or not answered:
            continue
        own = judge(areq.message, "AReq", examiner, "DS-ACS")
        areq, asked = None, areq
        if record.kind == "ARes" and own.code is not None:
            names = ", ".join(sorted(own.details))
            reason = f"the AReq is bad ({own.code}) and was answered by an ARes"
            yield exchange.defect("defect-not-noticed", asked, names, reason)
        code = record.text("errorCode")
        if record.kind != "Erro" or (code not in _JUDGED_CODES and own.code is None):
            continue
        if own.code is None:
            reason = f"is {code}, but the AReq has no such defect"
            yield exchange.defect("erro-for-nothing", record, "errorCode", reason)
        elif code != own.code and code not in ("101", "204", "303"):
            reason = f"is {code}, but {own.code} was due"
            yield exchange.defect("erro-code", record, "errorCode", reason)
        elif code == own.code and code != "101" and _listed(record) != own.details:
            reason = f"does not name exactly: {', '.join(sorted(own.details))}"
            yield exchange.defect("erro-detail", record, "errorDetail", reason)


def _listed(erro: Record) -> frozenset[str]:
    parts = (part.strip() for part in erro.text("errorDetail").split(","))
    return frozenset(part for part in parts if part)


def _wishes(areq: Record | None) -> list[Any]:
    wish = areq.message.get("threeDSRequestorChallengeInd") if areq else None
    return wish if isinstance(wish, list) else [wish] if wish else []


def _status_faults(exchange: Exchange, areq: Record, status: str) -> Iterator[str]:
    """[P-STAT-05..09, P-3RI-01] statuses that the request does not allow."""
    wishes, decoupled = _wishes(areq), areq.text("threeDSRequestorDecReqInd")
    if status in ("C", "S") and exchange.channel == "3RI":
        yield "is not possible without a cardholder"
    if status == "C" and "06" in wishes:
        yield "is a challenge although the requestor forbade it"
    if status == "D" and decoupled not in ("Y", "B"):
        yield "is decoupled although the requestor did not ask for it"
    if status == "I" and not {"05", "06", "07"} & set(wishes):
        yield "is informational although the requestor did not ask for it"
    if status == "S":
        spc = areq.text("threeDSRequestorSpcSupport") == "Y" and exchange.channel == "BRW"
        if not spc:
            yield "is SPC although the requestor does not support it"


# Element -> statuses of an ARes with which it may occur [P-ARES-01..13].
_ONLY_WITH = {
    "authenticationValue": "YAI",
    "acsChallengeMandated": "CD",
    "authenticationType": "CD",
    "authenticationMethod": "CD",
    "acsURL": "C",
    "acsSignedContent": "C",
    "acsRenderingType": "C",
    "cardholderInfo": "YANURID",
    "spcTransData": "S",
    "webAuthnCredList": "S",
}


def _ares(exchange: Exchange, ares: Record) -> Iterator[Defect]:
    message, status = ares.message, ares.text("transStatus")
    if not status:
        yield exchange.defect("ares-status", ares, "transStatus", "is missing")
        return
    if exchange.areq is not None:
        for reason in _status_faults(exchange, exchange.areq, status):
            yield exchange.defect("ares-status", ares, "transStatus", reason)
    for name, statuses in _ONLY_WITH.items():
        if name in message and status not in statuses:
            reason = f"does not go with transStatus {status}"
            yield exchange.defect("ares-foreign", ares, name, reason)
    if "authenticationValue" in message and status == "I" and exchange.category == "PA":
        yield exchange.defect("ares-foreign", ares, "authenticationValue", "does not go with I")
    yield from _present_with(exchange, ares, status)
    decoupled = ares.text("acsDecConInd")
    if decoupled == "Y" and status != "D" or decoupled == "N" and status == "D":
        yield exchange.defect("ares-decoupled", ares, "acsDecConInd", "contradicts transStatus")
    if status == "D":
        methods = message.get("authenticationMethod", [])
        if ares.text("authenticationType") != "04" and "12" not in methods:
            reason = "does not say decoupled"
            yield exchange.defect("ares-decoupled", ares, "authenticationType", reason)


def _present_with(exchange: Exchange, record: Record, status: str) -> Iterator[Defect]:
    """Authentication value with Y and A, reason with N, U and R, of a payment."""
    if exchange.category != "PA":
        return
    for name, statuses in (("authenticationValue", "YA"), ("transStatusReason", "NUR")):
        if status in statuses and is_missing(record.message.get(name)):
            reason = f"is missing with transStatus {status}"
            yield exchange.defect("status-needs", record, name, reason)


def _results(exchange: Exchange, open_ends: bool) -> Iterator[Defect]:
    """Exactly one RReq for each C and D, none for other statuses [P-RREQ-01]."""
    requests = exchange.on("RReq", "ACS-DS")
    for record in requests[1:]:
        if record.message != requests[0].message:
            yield exchange.defect("rreq-twice", record, "", "a second RReq with other content")
    status = exchange.ares.text("transStatus") if exchange.ares else ""
    if requests and status and status not in "CDS":
        reason = f"an RReq after transStatus {status}"
        yield exchange.defect("rreq-unasked", requests[0], "", reason)
    if requests and not status and exchange.areq is None:
        yield exchange.defect("rreq-unasked", requests[0], "", "an RReq without any AReq")
    if requests and not status and exchange.on("Erro", "ACS-DS"):
        first = exchange.on("Erro", "ACS-DS")[0]
        if first.place < requests[0].place and first.direction == "response":
            yield exchange.defect("rreq-unasked", requests[0], "", "an RReq after an Erro")
    if not requests and status in ("C", "D") and not open_ends:
        reason = f"no RReq although transStatus was {status}"
        yield exchange.defect("rreq-missing", exchange.ares, "", reason)
    if requests:
        yield from _rreq(exchange, requests[0])


def _rreq(exchange: Exchange, rreq: Record) -> Iterator[Defect]:
    status, reason = rreq.text("transStatus"), rreq.text("transStatusReason")
    cancel = rreq.text("challengeCancel")

    def defect(rule: str, element: str, words: str) -> Defect:
        return exchange.defect(rule, rreq, element, words)

    if not status:
        yield defect("rreq-status", "transStatus", "is missing")
    if "authenticationValue" in rreq.message and status not in ("Y", "A"):
        yield defect("rreq-foreign", "authenticationValue", f"does not go with {status}")
    yield from _present_with(exchange, rreq, status)
    areq = exchange.areq
    if areq and rreq.text("messageCategory") != areq.text("messageCategory"):
        yield defect("echo", "messageCategory", "differs from the AReq")
    if reason == "14" and cancel not in ("04", "05"):
        yield defect("rreq-timeout", "challengeCancel", "is not 04 or 05 with reason 14")
    if cancel in ("04", "05") and reason != "14" and (reason or exchange.category == "PA"):
        yield defect("rreq-timeout", "transStatusReason", f"is not 14 with cancel {cancel}")
    due = {"01": "N", "03": "U", "04": "N", "05": "N", "06": "U", "09": "U", "10": "U"}
    if cancel in due and status != due[cancel]:
        yield defect("rreq-cancel", "transStatus", f"is not {due[cancel]} with cancel {cancel}")
    if "challengeErrorReporting" in rreq.message and cancel not in ("09", "10"):
        yield defect("rreq-foreign", "challengeErrorReporting", "goes only with cancel 09 and 10")
    if status == "D" and areq and areq.text("threeDSRequestorDecReqInd") not in ("F", "B"):
        yield defect("rreq-status", "transStatus", "falls back to decoupled, not asked for")
    yield from _counter(exchange, rreq, cancel, reason)


def _counter(exchange: Exchange, rreq: Record, cancel: str, reason: str) -> Iterator[Defect]:
    """The interaction counter fits to what happened."""
    counter = rreq.text("interactionCounter")
    decoupled = exchange.ares is not None and exchange.ares.text("acsDecConInd") == "Y"
    if "interactionCounter" in rreq.message and (decoupled or exchange.channel == "3RI"):
        yield exchange.defect("counter", rreq, "interactionCounter", "is foreign here")
        return
    words = ""
    methods = rreq.message.get("authenticationMethod") or []
    polled = rreq.text("authenticationType") == "03" or {"07", "08", "09", "11"} & set(methods)
    if cancel == "05" and counter not in ("", "00"):
        words = "counts though the challenge never began"
    elif reason == "19" and counter == "00" and cancel != "01":
        words = "is 00 though the attempts ran out"
    elif rreq.text("transStatus") == "Y" and counter == "00" and not polled:
        words = "is 00 though the cardholder answered"
    if words:
        yield exchange.defect("counter", rreq, "interactionCounter", words)


def _final(exchange: Exchange, cres: Record) -> Iterator[Defect]:
    """The final CRes comes after the RReq and says the same [P-BRW-30..35]."""
    if exchange.channel not in (None, "BRW"):
        yield exchange.defect("cres-unasked", cres, "", "a browser CRes on another channel")
    if exchange.ares is not None and exchange.ares.text("transStatus") != "C":
        yield exchange.defect("cres-unasked", cres, "", "a CRes without a challenge")
        return
    rreq = exchange.first("RReq", "ACS-DS")
    if rreq is None:
        yield exchange.defect("cres-without-rreq", cres, "", "a final CRes and no RReq")
        return
    result, shown = rreq.text("transStatus"), cres.text("transStatus")
    # A result that could not be delivered is sent later as U [P-RREQ-05].
    if (rreq.at, rreq.place) > (cres.at, cres.place) and result != "U":
        yield exchange.defect("cres-before-rreq", cres, "", "the final CRes came before the RReq")
    if shown != (result if result in ("Y", "D") else "N"):
        reason = f"does not agree with the result {result}"
        yield exchange.defect("cres-status", cres, "transStatus", reason)
    if rreq.text("challengeCancel") in ("04", "05"):
        reason = "a CRes after the challenge timed out"
        yield exchange.defect("cres-after-timeout", cres, "", reason)
