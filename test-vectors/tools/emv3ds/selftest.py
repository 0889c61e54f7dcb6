"""Plants one defect at a time in good traffic: each has to be found, good traffic has to pass."""

import copy
from collections.abc import Callable
from typing import Any, Protocol

from . import samples
from .elements import Examiner
from .facts import VERSIONS
from .traffic import Defect, Record

Body = samples.Body
Traffic = list[dict[str, Any]]


class Check(Protocol):
    """The checker under test."""

    def __call__(self, records: list[Record], examiner: Examiner) -> list[Defect]: ...


def _line(leg: str, direction: str, message: Body) -> dict[str, Any]:
    return {"leg": leg, "direction": direction, "message": copy.deepcopy(message)}


def _front(request: Body, answer: Body) -> Traffic:
    at_requestor = {
        name: value
        for name, value in request.items()
        if name not in ("dsTransID", "dsReferenceNumber", "dsURL")
    }
    return [
        _line("3DSS-DS", "request", at_requestor),
        _line("DS-ACS", "request", request),
        _line("ACS-DS", "response", answer),
        _line("DS-3DSS", "response", answer),
    ]


def _challenge(request: Body, result: Body, shown: str | None) -> Traffic:
    made = _front(request, samples.ares(request, "C"))
    if result.get("challengeCancel") != "05":
        made.append(_line("BRW-ACS", "request", samples.creq(request)))
    made.append(_line("ACS-DS", "request", result))
    at_requestor = dict(result)
    made.append(_line("DS-3DSS", "request", at_requestor))
    made.append(_line("3DSS-DS", "response", samples.rres(request)))
    made.append(_line("DS-ACS", "response", samples.rres(request)))
    if shown is not None:
        made.append(_line("ACS-BRW", "response", samples.cres(request, shown)))
    return made


def _notice(version: str, status: str, *numbers: int) -> Traffic:
    """A notice in two parts, of which these are sent."""
    made: Traffic = []
    for number in numbers:
        part = samples.oreq(version, number, 2)
        made.append(_line("DS-ACS", "request", part))
        if number == 2:
            made.append(_line("ACS-DS", "response", samples.ores(part, status)))
    return made


def scenarios(version: str) -> dict[str, Traffic]:
    """Good traffic by name."""
    pay = [samples.areq(version, "BRW", "PA", number) for number in range(1, 9)]
    add = samples.areq(version, "BRW", "NPA", 9)
    attempts = samples.rreq(pay[3], "N", transStatusReason="19", interactionCounter="03")
    timeout = {"transStatusReason": "14", "interactionCounter": "00"}
    cancelled = samples.rreq(
        pay[6], "N", transStatusReason="01", challengeCancel="01", interactionCounter="00"
    )
    bad = pay[7] | {"mcc": "549"}
    newest = {"notice": _notice(version, "01", 1, 2)} if version == VERSIONS[-1] else {}
    return newest | {
        "frictionless": _front(pay[0], samples.ares(pay[0], "Y")),
        "refused": _front(pay[1], samples.ares(pay[1], "N")),
        "challenged": _challenge(pay[2], samples.rreq(pay[2], "Y"), "Y"),
        "attempts used up": _challenge(pay[3], attempts, "N"),
        "never began": _challenge(
            pay[4], samples.rreq(pay[4], "N", challengeCancel="05", **timeout), None
        ),
        "idle": _challenge(
            pay[5], samples.rreq(pay[5], "N", challengeCancel="04", **timeout), None
        ),
        "cancelled": _challenge(pay[6], cancelled, "N"),
        "card added": _front(add, samples.ares(add, "Y")),
        "bad request": _front(bad, samples.erro(bad, "A", "203", "mcc"))[1:3],
    }


def _records(traffic: Traffic) -> list[Record]:
    txn = traffic[0]["message"].get("threeDSServerTransID", "notice") if traffic else ""
    return [
        Record(place, place, line["leg"], line["direction"], line["message"], txn)
        for place, line in enumerate(traffic)
    ]


def _of(traffic: Traffic, kind: str, leg: str) -> dict[str, Any]:
    for line in traffic:
        if line["message"]["messageType"] == kind and line["leg"] == leg:
            message: dict[str, Any] = line["message"]
            return message
    raise LookupError(f"no {kind} on {leg}")


def _set(kind: str, leg: str, **elements: Any) -> Callable[[Traffic], None]:
    """Replaces elements of one message; None takes one away."""

    def plant(traffic: Traffic) -> None:
        message = _of(traffic, kind, leg)
        for name, value in elements.items():
            if value is None:
                del message[name]
            else:
                message[name] = value

    return plant


def _drop(kind: str, leg: str) -> Callable[[Traffic], None]:
    def plant(traffic: Traffic) -> None:
        traffic[:] = [
            line
            for line in traffic
            if not (line["message"]["messageType"] == kind and line["leg"] == leg)
        ]

    return plant


def _repeat(kind: str, leg: str, **elements: Any) -> Callable[[Traffic], None]:
    """The same message once more, at the end, with other elements."""

    def plant(traffic: Traffic) -> None:
        again = _of(traffic, kind, leg) | elements
        direction = "request" if kind in ("AReq", "RReq", "CReq") else "response"
        traffic.append(_line(leg, direction, again))

    return plant


def _unasked_rreq(traffic: Traffic) -> None:
    request = _of(traffic, "AReq", "DS-ACS")
    traffic.append(_line("ACS-DS", "request", samples.rreq(request, "Y")))


def _unasked_cres(traffic: Traffic) -> None:
    request = _of(traffic, "AReq", "DS-ACS")
    traffic.append(_line("ACS-BRW", "response", samples.cres(request, "Y")))


def _cres_first(traffic: Traffic) -> None:
    traffic.insert(5, traffic.pop())


def _late_cres(traffic: Traffic) -> None:
    request = _of(traffic, "AReq", "DS-ACS")
    traffic.append(_line("ACS-BRW", "response", samples.cres(request, "N")))


def _leak(traffic: Traffic) -> None:
    number = _of(traffic, "AReq", "DS-ACS")["acctNumber"]
    _of(traffic, "ARes", "ACS-DS")["eci"] = number


def _early_ores(traffic: Traffic) -> None:
    part = traffic[0]["message"]
    traffic.insert(1, _line("ACS-DS", "response", samples.ores(part, "01")))


def _gap(traffic: Traffic) -> None:
    del traffic[0]


def _other_repeat(traffic: Traffic) -> None:
    traffic.append(traffic[-2])
    again = traffic[-2]["message"] | {"acsTransID": _OTHER_ID}
    traffic.append(_line("ACS-DS", "response", again))


_ANSWER = ("ARes", "ACS-DS")
_NOTED = ("ORes", "ACS-DS")
_RESULT = ("RReq", "ACS-DS")
_END = ("CRes", "ACS-BRW")
_REFUSAL = ("Erro", "ACS-DS")
_OTHER_ID = "5f1c6e00-7a3d-4b52-9c01-0000000000dd"
_PROOF = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="

# What is planted, where, and the rule that has to find it.
DEFECTS: list[tuple[str, str, Callable[[Traffic], None], str]] = [
    ("ARes without acsTransID", "frictionless", _set(*_ANSWER, acsTransID=None), "element-201"),
    ("ARes with null element", "frictionless", _set(*_ANSWER, eci=""), "element-203"),
    ("ARes: id not a UUID", "frictionless", _set(*_ANSWER, acsTransID="x" * 36), "element-203"),
    ("ARes: number instead of text", "frictionless", _set(*_ANSWER, eci=5), "element-203"),
    ("ARes: unknown element", "frictionless", _set(*_ANSWER, debug="on"), "element-203"),
    (
        "ARes: reference too long",
        "frictionless",
        _set(*_ANSWER, acsReferenceNumber="R" * 33),
        "element-203",
    ),
    ("ARes: status of no version", "frictionless", _set(*_ANSWER, transStatus="Z"), "element-203"),
    (
        "ARes: app element in a browser",
        "frictionless",
        _set(*_ANSWER, sdkTransID=_OTHER_ID),
        "element-203",
    ),
    ("ARes: other dsTransID", "frictionless", _set(*_ANSWER, dsTransID=_OTHER_ID), "id"),
    (
        "ARes: other threeDSServerTransID",
        "frictionless",
        _set(*_ANSWER, threeDSServerTransID=_OTHER_ID),
        "id",
    ),
    ("ARes: other version", "frictionless", _set(*_ANSWER, messageVersion="2.9.0"), "version"),
    (
        "ARes: other dsReferenceNumber",
        "frictionless",
        _set(*_ANSWER, dsReferenceNumber="OTHER"),
        "echo",
    ),
    ("Y without proof", "frictionless", _set(*_ANSWER, authenticationValue=None), "status-needs"),
    ("Y with acsURL", "frictionless", _set(*_ANSWER, acsURL="https://a.example"), "ares-foreign"),
    (
        "I not asked for",
        "frictionless",
        _set(*_ANSWER, transStatus="I", authenticationValue=None),
        "ares-status",
    ),
    ("account number in the ARes", "frictionless", _leak, "pan-leak"),
    ("second, differing ARes", "frictionless", _repeat(*_ANSWER, eci="07"), "second-ares"),
    ("RReq without challenge", "frictionless", _unasked_rreq, "rreq-unasked"),
    ("CRes without challenge", "frictionless", _unasked_cres, "cres-unasked"),
    (
        "bad AReq, answered by ARes",
        "frictionless",
        _set("AReq", "DS-ACS", mcc="54"),
        "defect-not-noticed",
    ),
    (
        "AReq with unknown currency",
        "frictionless",
        _set("AReq", "DS-ACS", purchaseCurrency="999"),
        "element-304",
    ),
    ("N with proof", "refused", _set(*_ANSWER, authenticationValue=_PROOF), "ares-foreign"),
    ("N without reason", "refused", _set(*_ANSWER, transStatusReason=None), "status-needs"),
    ("reason kept for EMVCo", "refused", _set(*_ANSWER, transStatusReason="79"), "element-20"),
    ("NPA without status", "card added", _set(*_ANSWER, transStatus=None), "ares-status"),
    ("C without acsURL", "challenged", _set(*_ANSWER, acsURL=None), "element-201"),
    ("C with cardholderInfo", "challenged", _set(*_ANSWER, cardholderInfo="text"), "ares-foreign"),
    (
        "C though forbidden",
        "challenged",
        _set("AReq", "DS-ACS", threeDSRequestorChallengeInd=["06"]),
        "ares-status",
    ),
    ("RReq never came", "challenged", _drop(*_RESULT), "rreq-missing"),
    ("second, differing RReq", "challenged", _repeat(*_RESULT, eci="07"), "rreq-twice"),
    ("RReq: other acsTransID", "challenged", _set(*_RESULT, acsTransID=_OTHER_ID), "id"),
    ("RReq: other category", "challenged", _set(*_RESULT, messageCategory="02"), "echo"),
    (
        "RReq Y without proof",
        "challenged",
        _set(*_RESULT, authenticationValue=None),
        "status-needs",
    ),
    ("RReq Y, counter 00", "challenged", _set(*_RESULT, interactionCounter="00"), "counter"),
    ("RReq with status C", "challenged", _set(*_RESULT, transStatus="C"), "element-203"),
    ("final CRes before RReq", "challenged", _cres_first, "cres-before-rreq"),
    ("final CRes says N after Y", "challenged", _set(*_END, transStatus="N"), "cres-status"),
    (
        "final CRes with more elements",
        "challenged",
        _set(*_END, challengeCompletionInd="Y"),
        "element-203",
    ),
    ("final CRes without status", "challenged", _set(*_END, transStatus=None), "element-201"),
    ("final CRes: other acsTransID", "challenged", _set(*_END, acsTransID=_OTHER_ID), "id"),
    (
        "N with proof in RReq",
        "attempts used up",
        _set(*_RESULT, authenticationValue=_PROOF),
        "rreq-foreign",
    ),
    (
        "attempts used up, counter 00",
        "attempts used up",
        _set(*_RESULT, interactionCounter="00"),
        "counter",
    ),
    (
        "counter of one digit",
        "attempts used up",
        _set(*_RESULT, interactionCounter="3"),
        "element-203",
    ),
    (
        "reason 14 without cancel",
        "never began",
        _set(*_RESULT, challengeCancel=None),
        "rreq-timeout",
    ),
    (
        "reason 14 with cancel 01",
        "never began",
        _set(*_RESULT, challengeCancel="01"),
        "rreq-timeout",
    ),
    (
        "cancel 05 with reason 19",
        "never began",
        _set(*_RESULT, transStatusReason="19"),
        "rreq-timeout",
    ),
    ("cancel 05, counter 02", "never began", _set(*_RESULT, interactionCounter="02"), "counter"),
    ("CRes after the idle time", "idle", _late_cres, "cres-after-timeout"),
    ("cancelled with status U", "cancelled", _set(*_RESULT, transStatus="U"), "rreq-cancel"),
    (
        "Erro of another component",
        "bad request",
        _set(*_REFUSAL, errorComponent="D"),
        "erro-component",
    ),
    ("Erro with another code", "bad request", _set(*_REFUSAL, errorCode="201"), "erro-code"),
    (
        "Erro naming another element",
        "bad request",
        _set(*_REFUSAL, errorDetail="email"),
        "erro-detail",
    ),
    (
        "Erro about a good AReq",
        "bad request",
        _set("AReq", "DS-ACS", mcc="5499"),
        "erro-for-nothing",
    ),
    ("no ORes after the last part", "notice", _drop(*_NOTED), "ores-missing"),
    ("ORes before the last part", "notice", _early_ores, "ores-early"),
    ("ORes 01 after a gap", "notice", _gap, "ores-status"),
    ("other ORes for a repeat", "notice", _other_repeat, "ores-repeat"),
    ("ORes: other dsTransID", "notice", _set(*_NOTED, dsTransID=_OTHER_ID), "id"),
    ("ORes without acsTransID", "notice", _set(*_NOTED, acsTransID=None), "ores-needs"),
    ("ORes with unknown status", "notice", _set(*_NOTED, opStatus="05"), "element-207"),
    ("bad OReq, taken", "notice", _set("OReq", "DS-ACS", opSeverity="05"), "defect-not-noticed"),
    (
        "Erro with an extension",
        "bad request",
        _set(*_REFUSAL, messageExtension=[samples.EXTENSION]),
        "element-203",
    ),
]


def _good(examiner: Examiner, check: Check) -> int:
    """Defects found in good traffic: there should be none."""
    wrong = 0
    for version in VERSIONS:
        for name, traffic in scenarios(version).items():
            defects = [d for d in check(_records(traffic), examiner) if not _own_fault(name, d)]
            wrong += len(defects)
            for defect in defects:
                print(f"GOOD TRAFFIC REFUSED {version} {name}: {defect}")
    return wrong


def _own_fault(scenario: str, defect: Defect) -> bool:
    """The request of this scenario is bad on purpose."""
    return scenario == "bad request" and defect.kind == "AReq"


def _planted(examiner: Examiner, check: Check) -> int:
    missed = 0
    for name, scenario, plant, rule in DEFECTS:
        for version in VERSIONS:
            if scenario not in scenarios(version):
                continue
            traffic = copy.deepcopy(scenarios(version)[scenario])
            plant(traffic)
            found = check(_records(traffic), examiner)
            defects = [defect for defect in found if not _own_fault(scenario, defect)]
            hits = [defect for defect in defects if defect.rule.startswith(rule)]
            if not hits:
                missed += 1
                print(f"MISSED {version} {name}: {[str(defect) for defect in defects]}")
            elif version == VERSIONS[-1]:
                print(f"{name:34} -> {hits[0].rule}: {hits[0].element} {hits[0].reason}")
    return missed


def run(examiner: Examiner, check: Check) -> int:
    """Prints what was planted and found; returns the exit code."""
    wrong = _good(examiner, check)
    missed = _planted(examiner, check)
    good = sum(len(scenarios(version)) for version in VERSIONS)
    print(
        f"{good} good authentications, {wrong} defects reported in them;"
        f" {len(DEFECTS)} defects planted in {len(VERSIONS)} versions each, {missed} missed"
    )
    return 1 if wrong or missed else 0
