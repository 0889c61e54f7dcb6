"""Vectors that are not made by a systematic change: order of checks, duplicates, extensions."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from . import samples
from .facts import VERSIONS

Line = dict[str, Any]


def _erro(code: str, *detail: str) -> Line:
    made: Line = {"errorCode": code}
    if detail:
        made["errorDetail"] = list(detail)
    return made


def lines(version: str) -> list[Line]:
    """All hand-made vectors of one version."""
    return [
        *_not_json(version),
        *_types_and_versions(version),
        *_duplicates(version),
        *_conditions(version),
        *_good(version),
        *_extensions(version),
        *_across(version),
        *_order(version),
        *_app(version),
        *_other_messages(version),
    ]


def _place(version: str, kind: str) -> str:
    return f"{version}/areq/{kind}"


class _From:
    """Short ways to write a line that changes one base."""

    def __init__(self, base: str, group: str) -> None:
        self._base = base
        self._group = f"{base.rsplit('/', 1)[0]}/{group}"

    def ok(self, name: str, **change: Any) -> Line:
        return {"id": f"{self._group}/{name}", "base": self._base, **change, "expect": "ok"}

    def bad(self, name: str, code: str, *detail: str, **change: Any) -> Line:
        made = self.ok(name, **change)
        doubt = made.pop("doubt", None)
        made["expect"] = _erro(code, *detail)
        return made | ({"doubt": doubt} if doubt else {})


def _raw(version: str, name: str, expected: Any, **text: str) -> Line:
    kind = name.split("/")[0]
    message, leg = {
        "areq": ("AReq", "DS-ACS"),
        "creq": ("CReq", "BRW-ACS"),
        "rres": ("RRes", "DS-ACS"),
    }[kind]
    return {
        "id": f"{version}/{name}",
        "channel": "BRW",
        "category": "PA",
        "message": message,
        "leg": leg,
        **text,
        "expect": expected,
    }


def _text(version: str, **more: Any) -> str:
    body = samples.areq(version, "BRW", "PA", 30) | more
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _not_json(version: str) -> Iterator[Line]:
    good = _text(version)
    texts = {
        "word": "hello",
        "nothing": "",
        "array": "[]",
        "array-of-one": f"[{good}]",
        "text": '"AReq"',
        "number": "1",
        "null": "null",
        "open": "{",
        "cut": good[:-1],
        "trailing-comma": good[:-1] + ",}",
        "two-objects": good + good,
        "single-quotes": "{'messageType':'AReq'}",
        "not-a-number": good[:-1] + ',"note":NaN}',
        "comment": "/* note */" + good,
        "control-character": good[:-1] + ',"note":"a\nb"}',
        "form": "creq=eyJtZXNzYWdlVHlwZSI6IkFSZXEifQ",
    }
    for name, text in texts.items():
        yield _raw(version, f"areq/body/{name}", _erro("101"), raw=text)
    broken = good.encode().replace(b"Sample Merchant", b"Sample \xff\xfe")
    encoded = base64.b64encode(broken).decode()
    yield _raw(version, "areq/body/not-utf8", _erro("101"), rawBase64=encoded)
    deep = good[:-1] + ',"note":' + "[" * 200 + "]" * 200 + "}"
    line = _raw(version, "areq/body/deep-200", _erro("101"), raw=deep)
    yield line | {"doubt": "own limit: unknown elements are ignored, but depth costs"}
    shallow = good[:-1] + ',"note":' + "[" * 20 + "]" * 20 + "}"
    yield _raw(version, "areq/body/deep-20", "ok", raw=shallow)
    spaced = json.dumps(json.loads(good), indent=4)
    yield _raw(version, "areq/body/white-space", "ok", raw=f"\n {spaced}\r\n\t")
    yield _raw(version, "areq/body/escapes", "ok", raw=good.replace("AReq", "\\u0041Req"))
    for kind in ("creq", "rres"):
        yield _raw(version, f"{kind}/body/word", _erro("101"), raw="hello")
        yield _raw(version, f"{kind}/body/array", _erro("101"), raw="[]")


def _types_and_versions(version: str) -> Iterator[Line]:
    base = _From(f"{_place(version, 'brw-pa')}/least", "type")
    for kind in ("XReq", "areq", "AReq ", "ARes", "CReq", "CRes", "RReq", "RRes", "PReq", "PRes"):
        yield base.bad(kind.replace(" ", "_"), "101", set={"messageType": kind})
    base = _From(f"{_place(version, 'brw-pa')}/least", "version")
    for text in ("2.0.0", "2.3.0", "2.9.9", "1.0.2", "10.0.0", "2.2.10"):
        yield base.bad(text, "102", *VERSIONS, set={"messageVersion": text})
    for text in ("2", "2.2", "2.2.x", "v2.2.0", "2.2.0.1", "2..20", " 2.2.0", "22.22.222"):
        change = {"messageVersion": text}
        yield base.bad(text.replace(" ", "_"), "203", "messageVersion", set=change)
    base = _From(f"{version}/creq/browser", "creq")
    for kind in ("AReq", "CRes", "XReq"):
        yield base.bad(kind, "101", set={"messageType": kind})
    for text in ("2.0.0", "2.9.9"):
        yield base.bad(text, "102", *VERSIONS, set={"messageVersion": text})
    base = _From(f"{version}/rres/browser", "rres")
    for kind in ("AReq", "RReq", "XRes"):
        yield base.bad(kind, "101", set={"messageType": kind})


def _doubled(text: str, name: str, value: Any) -> str:
    """The text with a member once more at its end."""
    return f"{text[:-1]},{json.dumps(name)}:{json.dumps(value)}}}"


def _duplicates(version: str) -> Iterator[Line]:
    good = _text(version)
    account = {"chAccAgeInd": "05"}
    nested = _text(version, acctInfo=account)
    nested = nested.replace('"chAccAgeInd":"05"', '"chAccAgeInd":"05","chAccAgeInd":"04"')
    extended = _text(version, messageExtension=[samples.EXTENSION])
    in_data = extended.replace('"colour":"green"', '"colour":"green","colour":"blue"')
    in_extension = extended.replace('"name":"sample"', '"name":"sample","name":"other"')
    texts: dict[str, tuple[str, tuple[str, ...]]] = {
        "same-value": (_doubled(good, "purchaseAmount", "1200"), ("purchaseAmount",)),
        "other-value": (_doubled(good, "purchaseAmount", "1201"), ("purchaseAmount",)),
        "null-value": (_doubled(good, "purchaseAmount", None), ("purchaseAmount",)),
        "escaped-name": (good[:-1] + ',"purchaseAmoun\\u0074":"1"}', ("purchaseAmount",)),
        "three-times": (_doubled(_doubled(good, "mcc", "5499"), "mcc", "5499"), ("mcc",)),
        "two-names": (
            _doubled(_doubled(good, "mcc", "5499"), "acquirerBIN", "1"),
            ("mcc", "acquirerBIN"),
        ),
        "unknown-name": (_doubled(_doubled(good, "note", 1), "note", 1), ("note",)),
        "nested": (nested, ("acctInfo.chAccAgeInd",)),
        "in-extension": (in_extension, ("messageExtension.name",)),
        "in-extension-data": (in_data, ("messageExtension.data.colour",)),
        "before-missing": (
            _doubled(good.replace('"mcc":"5499",', ""), "purchaseAmount", "1"),
            ("purchaseAmount",),
        ),
    }
    for name, (text, detail) in texts.items():
        yield _raw(version, f"areq/duplicate/{name}", _erro("204", *detail), raw=text)
    # Found by fuzzing: what costs most to tell. errorDetail has no room for all of it.
    twins = ",".join(['{"a":1,"a":2}'] * 60)
    deep = good[:-1] + ',"note":' + '{"a":' * 60 + f"[{twins}]" + "}" * 61
    yield _raw(version, "areq/duplicate/many-deep", _erro("204"), raw=deep)
    same = good.replace('"merchantName":', '"note":{"mcc":"1"},"merchantName":')
    yield _raw(version, "areq/duplicate/not-the-same-object", "ok", raw=same)
    if version == "2.3.1":
        base = _From(f"{_place(version, 'brw-pa')}/full", "duplicate-item")
        name = "threeDSRequestorChallengeInd"
        yield base.bad(name, "204", name, set={name: ["01", "01"]})
        name = "acceptLanguage"
        yield base.bad(name, "204", name, set={name: ["en", "ja", "en"]})
        item = {"threeDSReqAuthMethod": "02"}
        name = "threeDSRequestorAuthenticationInfo"
        yield base.bad(name, "204", name, set={name: [item, item]})
        name = "messageExtension"
        yield base.bad(name, "204", name, set={name: [samples.EXTENSION, samples.EXTENSION]})


def _conditions(version: str) -> Iterator[Line]:
    brw = _From(f"{_place(version, 'brw-pa')}/least", "condition")
    npa = _From(f"{_place(version, 'brw-npa')}/least", "condition")
    old, newest = version == "2.1.0", version == "2.3.1"
    for prefix in ("bill", "ship"):
        country = f"{prefix}AddrCountry"
        yield brw.bad(country, "201", country, set={f"{prefix}AddrState": "13"})
    recurring = ["recurringInd"] if newest else ["recurringExpiry", "recurringFrequency"]
    change = {"threeDSRequestorAuthenticationInd": "02"}
    yield brw.bad("recurring", "201", *recurring, set=change)
    change = {"threeDSRequestorAuthenticationInd": "03"}
    yield brw.bad("instalment", "201", *recurring, "purchaseInstalData", set=change)
    amounts = ["purchaseAmount", "purchaseCurrency", "purchaseExponent", "purchaseDate"]
    change = {"threeDSRequestorAuthenticationInd": "02"}
    yield npa.bad("recurring", "201", *amounts, *recurring, set=change)
    yield npa.ok("card-check", set={"threeDSRequestorAuthenticationInd": "05"})
    if not old:
        yield from _conditions_since_2_2(version, brw)
    if newest:
        yield from _conditions_of_2_3_1(version, brw)


def _conditions_since_2_2(version: str, brw: _From) -> Iterator[Line]:
    scripted = [
        "browserJavaEnabled",
        "browserColorDepth",
        "browserScreenHeight",
        "browserScreenWidth",
        "browserTZ",
    ]
    always = [] if version == "2.3.1" else ["browserLanguage"]
    if version == "2.3.1":
        scripted.append("browserLanguage")
    for name in scripted:
        yield brw.bad(f"javascript-{name}", "201", name, drop=[name])
    yield brw.bad("javascript-all", "201", *scripted, drop=scripted)
    off = {"browserJavascriptEnabled": False}
    yield brw.ok("no-javascript", set=off, drop=scripted)
    yield brw.ok("no-javascript-but-sent", set=off)
    for name in always:
        yield brw.bad(f"no-javascript-{name}", "201", name, set=off, drop=[name])
    wish = {"threeDSRequestorDecReqInd": "Y"}
    name = "threeDSRequestorDecMaxTime"
    yield brw.bad("decoupled", "201", name, set=wish)
    yield brw.ok("decoupled-with-time", set=wish | {name: "10080"})
    yield brw.ok("not-decoupled", set={"threeDSRequestorDecReqInd": "N"})
    yield brw.bad("token", "201", "payTokenSource", set={"payTokenInd": True})
    status = "trustListStatus" if version == "2.3.1" else "whiteListStatus"
    yield brw.bad("trust-list", "201", f"{status}Source", set={status: "Y"})
    three_ri = _From(f"{_place(version, '3ri-npa')}/least", "condition")
    amounts = ["purchaseAmount", "purchaseCurrency", "purchaseExponent", "purchaseDate"]
    yield three_ri.bad("top-up", "201", *amounts, set={"threeRIInd": "07"})
    yield three_ri.ok("list-status", set={"threeRIInd": "10"})


def _conditions_of_2_3_1(version: str, brw: _From) -> Iterator[Line]:
    for wish in ("F", "B"):
        change = {"threeDSRequestorDecReqInd": wish}
        yield brw.bad(f"decoupled-{wish}", "201", "threeDSRequestorDecMaxTime", set=change)
    for name in ("cardSecurityCodeStatus", "deviceBindingStatus"):
        value = "Y" if name.startswith("card") else "01"
        yield brw.bad(name, "201", f"{name}Source", set={name: value})
    yield brw.bad("spc", "201", "payeeOrigin", set={"threeDSRequestorSpcSupport": "Y"})
    amounts = ["recurringCurrency", "recurringExponent"]
    yield brw.bad("recurring-amount", "201", *amounts, set={"recurringAmount": "100"})
    recurring: Line = {"threeDSRequestorAuthenticationInd": "02"}
    change = recurring | {"recurringInd": {"amountInd": "01", "frequencyInd": "02"}}
    yield brw.bad("fixed-amount", "201", "recurringAmount", set=change)
    change = recurring | {"recurringInd": {"amountInd": "02", "frequencyInd": "01"}}
    names = ("recurringFrequency", "recurringDate")
    yield brw.bad("fixed-frequency", "201", *names, set=change)
    change = recurring | {"recurringInd": {"amountInd": "02", "frequencyInd": "02"}}
    yield brw.ok("variable", set=change)
    merchants = {"merchantList": [{"merchantNameListed": "One", "merchantAmount": "5"}]}
    names = (
        "multiTransaction.merchantList.merchantCurrency",
        "multiTransaction.merchantList.merchantExponent",
    )
    yield brw.bad("merchant-amount", "201", *names, set={"multiTransaction": merchants})
    three_ri = _From(f"{_place(version, '3ri-npa')}/least", "condition")
    name = "threeDSRequestorPriorAuthenticationInfo"
    yield three_ri.bad("fallback", "201", name, set={"threeRIInd": "19"})
    app = _From(f"{_place(version, 'app-pa')}/least", "condition")
    yield app.bad("default-sdk", "201", "defaultSdkType", drop=["defaultSdkType"])
    names = ("sdkServerSignedContent", "splitSdkType")
    yield app.bad("split-sdk", "201", *names, set={"sdkType": "02"})
    split = {
        "sdkType": "02",
        "splitSdkType": {"sdkVariant": "01"},
        "sdkServerSignedContent": "eyJ4IjoxfQ.eyJ5IjoyfQ.c2lnbmF0dXJl",
    }
    yield app.ok("split-sdk-whole", set=split)


def _good(version: str) -> Iterator[Line]:
    brw = _From(f"{_place(version, 'brw-pa')}/least", "good")
    yield brw.ok("unknown-element", set={"note": "ignored", "notes": {"a": [1, None]}})
    yield brw.ok("unknown-empty", set={"note": None, "remark": ""})
    yield brw.ok("nested-unknown", set={"acctInfo": {"chAccAgeInd": "05", "note": None}})
    yield brw.ok("app-elements", set={"sdkAppID": "junk", "sdkEphemPubKey": 5, "deviceInfo": ""})
    yield brw.ok("three-ri-indicator", set={"threeRIInd": "##"})
    upper = samples.trans_id(version, 1, 31).upper()
    yield brw.ok("upper-case-id", set={"threeDSServerTransID": upper})
    yield brw.ok("nil-id", set={"threeDSServerTransID": "00000000-0000-0000-0000-000000000000"})
    yield brw.ok("wide-characters", set={"merchantName": "界" * 40})
    yield brw.bad("wide-characters-41", "203", "merchantName", set={"merchantName": "界" * 41})
    yield brw.ok("pan-13", set={"acctNumber": "4000000000006"})
    yield brw.ok("pan-19", set={"acctNumber": "4000000000000000006"})
    yield brw.bad("pan-12", "203", "acctNumber", set={"acctNumber": "400000000006"})
    yield brw.bad("pan-spaced", "203", "acctNumber", set={"acctNumber": "4000 0000 0000 1000"})
    full_width = "４０００000000001000"
    yield brw.bad("pan-full-width", "203", "acctNumber", set={"acctNumber": full_width})
    yield brw.ok("ipv6", set={"browserIP": "2001:db8::7"})
    yield brw.ok("mcc-letters", set={"mcc": "54A9"})
    yield brw.ok("long-amount", set={"purchaseAmount": "9" * 48})
    yield brw.ok("zero-amount", set={"purchaseAmount": "0"})
    yield brw.ok("leap-day", set={"purchaseDate": "20280229000000"})
    ended = {"mcc": "5499\n"}
    yield brw.bad("line-end", "203", "mcc", set=ended)
    yield brw.bad("line-end-digits", "203", "purchaseExponent", set={"purchaseExponent": "0\n"})
    if version == "2.1.0":
        since = {
            "browserJavascriptEnabled": "x",
            "threeDSRequestorDecReqInd": "#",
            "whiteListStatus": "",
        }
        yield brw.ok("elements-of-later-versions", set=since)
    if version == "2.3.1":
        gone = {"whiteListStatus": "", "threeDSReqAuthMethodInd": "##"}
        yield brw.ok("elements-of-earlier-versions", set=gone)
    app = _From(f"{_place(version, 'app-pa')}/least", "good")
    yield app.ok("sdk-data-not-taken-away", set={"sdkEncData": "junk"})
    yield app.ok("browser-elements", set={"browserTZ": "junk", "notificationURL": ""})


def _numbered(count: int, **more: Any) -> list[Line]:
    return [samples.EXTENSION | {"id": f"A000000999_{n}", **more} for n in range(1, count + 1)]


def _extensions(version: str) -> Iterator[Line]:
    base = _From(f"{_place(version, 'brw-pa')}/full", "extension")
    most = 15 if version == "2.3.1" else 10
    top, item = "messageExtension", "messageExtension.0"
    yield base.ok("most", set={top: _numbered(most)})
    yield base.bad("too-many", "203", top, set={top: _numbered(most + 1)})
    yield base.bad("no-array", "203", top, set={top: samples.EXTENSION})
    yield base.bad("empty", "203", top, set={top: []})
    yield base.bad("null", "203", top, set={top: None})
    yield base.bad("text-item", "203", top, set={item: "text"})
    for name in ("name", "id", "criticalityIndicator", "data"):
        yield base.bad(f"no-{name}", "201", f"{top}.{name}", drop=[f"{item}.{name}"])
        yield base.bad(f"null-{name}", "201", f"{top}.{name}", set={f"{item}.{name}": None})
    for name, value in (("name", 5), ("id", 5), ("criticalityIndicator", "false"), ("data", "x")):
        yield base.bad(f"type-{name}", "203", f"{top}.{name}", set={f"{item}.{name}": value})
    for name in ("name", "id"):
        fill = {f"{item}.{name}": {"text": "A", "times": 65}}
        yield base.bad(f"long-{name}", "203", f"{top}.{name}", fill=fill)
        fill = {f"{item}.{name}": {"text": "A", "times": 64}}
        yield base.ok(f"longest-{name}", fill=fill)
    big = {f"{item}.data.colour": {"text": "x", "times": 8_100}}
    yield base.bad("long-data", "203", f"{top}.data", fill=big)
    yield base.ok("large-data", fill={f"{item}.data.colour": {"text": "x", "times": 8_000}})
    critical = samples.EXTENSION | {"criticalityIndicator": True}
    yield base.bad("critical", "202", samples.EXTENSION["id"], set={top: [critical]})
    two = _numbered(2, criticalityIndicator=True)
    yield base.bad("two-critical", "202", *[one["id"] for one in two], set={top: two})
    mixed = [_numbered(1)[0], two[1]]
    yield base.bad("one-of-two-critical", "202", two[1]["id"], set={top: mixed})
    # Found by fuzzing: errorDetail was empty, or put digits together that stood apart.
    for name, strange in (
        ("unprintable", "\u00e9"),
        ("comma", ","),
        ("number", "4000000000001000"),
        ("spaced-number", "4000 0000 0000 1000"),
    ):
        change = {top: [critical | {"id": strange}]}
        yield base.bad(f"critical-{name}", "202", "unknown extension", set=change)
    if version == "2.3.1":
        fill = {f"{top}.{n}.data.colour": {"text": "x", "times": 7_900} for n in range(12)}
        yield base.bad("long-whole", "203", top, set={top: _numbered(12)}, fill=fill)


def _across(version: str) -> Iterator[Line]:
    base = _From(f"{_place(version, 'brw-pa')}/full", "across")
    both = ("purchaseCurrency", "purchaseExponent")
    for currency, exponent in (("392", "2"), ("840", "0"), ("048", "2"), ("978", "3")):
        change = {"purchaseCurrency": currency, "purchaseExponent": exponent}
        yield base.bad(f"exponent-{currency}-{exponent}", "304", *both, set=change)
    for currency, exponent in (("840", "2"), ("978", "2"), ("048", "3"), ("410", "0")):
        change = {"purchaseCurrency": currency, "purchaseExponent": exponent}
        yield base.ok(f"exponent-{currency}-{exponent}", set=change)
    if version == "2.3.1":
        doubt = "the text names purchaseCurrency only; the same is done for the other amounts"
        both = ("recurringCurrency", "recurringExponent")
        yield base.bad("exponent-recurring", "304", *both, set={both[1]: "2"}, doubt=doubt)
        path = "multiTransaction.merchantList"
        both = (f"{path}.merchantCurrency", f"{path}.merchantExponent")
        change = {f"{path}.0.merchantExponent": "2"}
        yield base.bad("exponent-merchant-list", "304", *both, set=change, doubt=doubt)
        name = f"{path}.sellerId"
        yield base.bad("seller-unknown", "203", name, set={f"{path}.0.sellerId": "seller-2"})
        yield base.bad("sellers-not-described", "203", name, drop=["sellerInfo"])
    if version == "2.1.0":
        return
    status = "trustListStatus" if version == "2.3.1" else "whiteListStatus"
    for value in ("E", "P", "R", "U"):
        yield base.bad(f"{status}-{value}", "203", status, set={status: value})
    yield base.ok(f"{status}-N", set={status: "N"})
    yield base.bad(f"no-{status}", "203", f"{status}Source", drop=[status])
    if version == "2.3.1":
        for status in ("cardSecurityCodeStatus", "deviceBindingStatus"):
            yield base.bad(f"no-{status}", "203", f"{status}Source", drop=[status])
    else:
        change = {"threeDSRequestorDecMaxTime": "1"}
        doubt = "the table says five digits, the protocol digest accepts fewer in 2.2.0"
        yield base.ok("unpadded-time", set=change) | {"doubt": doubt}


def _without_data() -> Line:
    return {k: v for k, v in samples.EXTENSION.items() if k != "data"} | {"id": "A000000999_2"}


def _order(version: str) -> Iterator[Line]:
    base = _From(f"{_place(version, 'brw-pa')}/full", "order")
    yield base.bad("all-missing-named", "201", "mcc", "merchantName", drop=["mcc", "merchantName"])
    bad: Line = {"acctID": 5, "purchaseAmount": "x", "acctInfo.chAccAgeInd": "##"}
    yield base.bad("all-bad-named", "203", *bad, set=bad)
    codes: Line = {"purchaseCurrency": "999", "merchantCountryCode": "902"}
    yield base.bad("all-iso-named", "304", *codes, set=codes)
    yield base.bad("missing-before-bad", "201", "mcc", drop=["mcc"], set={"acctID": 5})
    yield base.bad("bad-before-iso", "203", "acctID", set={"acctID": 5} | codes)
    critical = [samples.EXTENSION | {"criticalityIndicator": True}]
    both = codes | {"messageExtension": critical}
    yield base.bad("iso-before-extension", "304", *codes, set=both)
    yield base.bad(
        "version-before-missing", "102", *VERSIONS, drop=["mcc"], set={"messageVersion": "2.9.9"}
    )
    yield base.bad("type-before-version", "101", set={"messageType": "CReq", "messageVersion": "2"})
    yield base.bad(
        "type-missing-before-version",
        "201",
        "messageType",
        drop=["messageType"],
        set={"messageVersion": "2.9.9"},
    )
    change: Line = {"acctID": 5, "messageExtension": [_without_data()]}
    yield base.bad("bad-before-extension-member", "203", "acctID", set=change)
    extensions = [_without_data(), samples.EXTENSION | {"name": 5}]
    yield base.bad(
        "extension-shape-before-member",
        "203",
        "messageExtension.name",
        set={"messageExtension": extensions},
    )
    extensions = [_without_data(), critical[0]]
    yield base.bad(
        "extension-member-before-critical",
        "201",
        "messageExtension.data",
        set={"messageExtension": extensions},
    )
    if version == "2.3.1":
        yield base.bad("bad-before-reserved", "203", "acctID", set={"acctID": 5, "acctType": "79"})
        change = {"acctType": "79", "acctInfo.chAccAgeInd": "06"}
        yield base.bad("code-before-reserved", "203", "acctInfo.chAccAgeInd", set=change)
    nested = ["mcc", "mobilePhone.cc"]
    yield base.bad("nested-with-others", "201", *nested, drop=nested)
    least = _From(f"{_place(version, 'brw-pa')}/least", "order")
    yield least.bad(
        "required-before-condition", "201", "mcc", drop=["mcc"], set={"billAddrState": "13"}
    )


def _app(version: str) -> Iterator[Line]:
    base = _From(f"{_place(version, 'app-pa')}/least", "key")
    name = "sdkEphemPubKey"
    other = "U-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    yield base.bad("not-on-curve", "203", name, set={f"{name}.y": other})
    yield base.bad("private", "203", name, set={f"{name}.d": "A" * 43})
    yield base.bad("curve", "203", f"{name}.crv", set={f"{name}.crv": "P-384"})
    yield base.bad("kind", "203", f"{name}.kty", set={f"{name}.kty": "RSA"})
    yield base.bad("no-x", "201", f"{name}.x", drop=[f"{name}.x"])
    yield base.ok("more-members", set={f"{name}.kid": "1", f"{name}.use": "enc"})
    # {"DV":"9.9","XX":[1,null]}
    strange = "eyJEViI6IjkuOSIsIlhYIjpbMSxudWxsXX0"
    yield base.ok("device-data-of-any-content", set={"deviceInfo": strange})
    yield base.ok("device-data-no-json", set={"deviceInfo": "AAAA"})
    yield base.bad("device-data-padded", "203", "deviceInfo", set={"deviceInfo": "AAA="})


def _other_messages(version: str) -> Iterator[Line]:
    creq = _From(f"{version}/creq/browser", "creq")
    yield creq.ok("unknown-element", set={"threeDSRequestorURL": "https://requestor.example"})
    yield creq.ok("app-elements", set={"sdkCounterStoA": "x", "challengeDataEntry": ""})
    yield creq.bad("window", "203", "challengeWindowSize", set={"challengeWindowSize": "06"})
    both = ["acsTransID", "challengeWindowSize"]
    yield creq.bad("two-missing", "201", *both, drop=both)
    rres = _From(f"{version}/rres/browser", "rres")
    yield rres.ok("not-started", set={"resultsStatus": "02"})
    yield rres.ok("unknown-element", set={"note": None})
    if version == "2.3.1":
        yield from _notices(version)
    erro = _From(f"{version}/erro/from-ds", "erro")
    yield erro.ok("unknown-code", set={"errorCode": "999"})
    yield erro.ok("unknown-component", set={"errorComponent": "X"})
    yield erro.ok("little", drop=["errorDetail", "errorDescription", "dsTransID"])


def _notices(version: str) -> Iterator[Line]:
    oreq = _From(f"{version}/oreq/part", "oreq")
    yield oreq.ok("no-reference", drop=["opPriorTransRef"])
    yield oreq.ok("last-of-99", set={"opSeq.seqNum": "99", "opSeq.seqTotal": "99"})
    yield oreq.ok("whole-text", fill={"opDescription": {"text": "x", "times": 20_000}})
    yield oreq.ok("unknown-element", set={"threeDSServerTransID": "x"})
    yield oreq.bad("behind-the-last", "203", "opSeq.seqNum", set={"opSeq.seqNum": "04"})
    both = ["opDescription", "opSeq.seqId"]
    yield oreq.bad("two-missing", "201", *both, drop=both)
    for kind in ("AReq", "ORes", "RReq", "XReq"):
        yield oreq.bad(kind, "101", set={"messageType": kind})
    # Found by fuzzing: the Erro of these versions must not name an OReq.
    for text in ("2.1.0", "2.2.0"):
        yield oreq.bad(text, "101", set={"messageVersion": text})
    yield oreq.bad("2.4.0", "102", *VERSIONS, set={"messageVersion": "2.4.0"})
    critical = [samples.EXTENSION | {"criticalityIndicator": True}]
    name = samples.EXTENSION["id"]
    yield oreq.bad("critical-extension", "202", name, set={"messageExtension": critical})
    yield oreq.ok("extension", set={"messageExtension": [samples.EXTENSION]})
