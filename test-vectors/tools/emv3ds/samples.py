"""Good messages of all versions, written by hand: the stock of the vectors and of the self-test.

Account numbers are test numbers; ids are fixed; all other data is made up here.
"""

import base64
import copy
import json
from typing import Any

Body = dict[str, Any]

# The first digit of the last group tells the version, the last one the component.
_SERIAL = {"2.1.0": 1, "2.2.0": 2, "2.3.1": 3}
_CHANNEL_CODES = {"APP": "01", "BRW": "02", "3RI": "03"}
_CATEGORY_CODES = {"PA": "01", "NPA": "02"}


def trans_id(version: str, owner: int, number: int = 0) -> str:
    """A fixed transaction id."""
    return f"5f1c6e00-7a3d-4b52-9c01-{_SERIAL[version]}{number:010x}{owner:x}"


def ids(version: str, number: int = 0) -> dict[str, str]:
    """Ids of one transaction by element name."""
    names = ("threeDSServerTransID", "dsTransID", "acsTransID", "sdkTransID")
    return {name: trans_id(version, owner, number) for owner, name in enumerate(names, 1)}


def _base64url(value: Body) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


_DEVICE = _base64url(
    {
        "DV": "1.4",
        "DD": {"C001": "Android", "C002": "sample phone"},
        "DPNA": {"C010": "RE04"},
        "SW": ["SW02"],
    }
)
# The base point of P-256: a public key nobody may use, and a valid point.
_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
    "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
}
_COMMON: Body = {
    "messageType": "AReq",
    "threeDSServerRefNumber": "3DS_TEST_SERVER_0001",
    "threeDSServerURL": "https://3dss.example/results",
    "threeDSRequestorID": "requestor-0001",
    "threeDSRequestorName": "Sample Requestor",
    "threeDSRequestorURL": "https://requestor.example",
    "acctNumber": "4000000000001000",
    "dsReferenceNumber": "DS_TEST_0001",
    "dsURL": "https://ds.example/rreq",
}
_PURCHASE: Body = {
    "purchaseAmount": "1200",
    "purchaseCurrency": "392",
    "purchaseExponent": "0",
    "purchaseDate": "20260214093000",
}
_MERCHANT: Body = {
    "acquirerBIN": "400551",
    "acquirerMerchantID": "merchant-0001",
    "mcc": "5499",
    "merchantCountryCode": "392",
    "merchantName": "Sample Merchant",
}
_BROWSER: Body = {
    "threeDSCompInd": "Y",
    "notificationURL": "https://requestor.example/done",
    "browserAcceptHeader": "text/html,*/*;q=0.8",
    "browserUserAgent": "Mozilla/5.0 (sample)",
    "browserLanguage": "ja-JP",
    "browserJavaEnabled": False,
    "browserColorDepth": "24",
    "browserScreenHeight": "900",
    "browserScreenWidth": "1440",
    "browserTZ": "-540",
}
_APP: Body = {
    "sdkAppID": "0c5b6e1e-3d0b-4f6c-8a51-2f8f3f0a7b01",
    "sdkEphemPubKey": _KEY,
    "sdkMaxTimeout": "05",
    "sdkReferenceNumber": "SDK_TEST_0001",
    "deviceRenderOptions": {"sdkInterface": "03", "sdkUiType": ["01", "02", "03", "04", "05"]},
    "deviceInfo": _DEVICE,
}


def areq(version: str, channel: str, category: str, number: int = 0) -> Body:
    """An AReq as the ACS gets it, with what is required and nothing more."""
    own = ids(version, number)
    body: Body = {"messageVersion": version, "deviceChannel": _CHANNEL_CODES[channel]}
    body |= {"messageCategory": _CATEGORY_CODES[category]}
    body |= {name: own[name] for name in ("threeDSServerTransID", "dsTransID")}
    body |= copy.deepcopy(_COMMON)
    if version == "2.1.0" and channel == "3RI":
        del body["threeDSServerURL"], body["dsURL"]
    if version == "2.3.1":
        body |= {"acquirerCountryCode": "392", "acquirerCountryCodeSource": "01"}
    if category == "PA":
        body |= _PURCHASE | _MERCHANT
    if channel == "3RI":
        body["threeRIInd"] = "05" if category == "NPA" else "11"
    else:
        body["threeDSRequestorAuthenticationInd"] = "01" if category == "PA" else "04"
    if channel == "BRW":
        body |= _BROWSER
        if version != "2.1.0":
            body["browserJavascriptEnabled"] = True
        if version == "2.3.1":
            body["acceptLanguage"] = ["ja-JP", "en"]
    if channel == "APP":
        body |= copy.deepcopy(_APP) | {"sdkTransID": own["sdkTransID"]}
        if version == "2.3.1":
            body |= {"sdkType": "01", "defaultSdkType": {"sdkVariant": "01"}}
    return body


_ACCOUNT: Body = {
    "chAccAgeInd": "05",
    "chAccChange": "20250102",
    "chAccChangeInd": "04",
    "chAccDate": "20210401",
    "chAccPwChange": "20250102",
    "chAccPwChangeInd": "05",
    "nbPurchaseAccount": "12",
    "paymentAccAge": "20210401",
    "paymentAccInd": "05",
    "provisionAttemptsDay": "0",
    "shipAddressUsage": "20210401",
    "shipAddressUsageInd": "04",
    "shipNameIndicator": "01",
    "suspiciousAccActivity": "01",
    "txnActivityDay": "1",
    "txnActivityYear": "20",
}
_RISK: Body = {
    "deliveryEmailAddress": "hanako.yamada@example.com",
    "deliveryTimeframe": "02",
    "giftCardAmount": "50",
    "giftCardCount": "01",
    "giftCardCurr": "392",
    "preOrderDate": "20260301",
    "preOrderPurchaseInd": "02",
    "reorderItemsInd": "01",
    "shipIndicator": "03",
}
_AUTHENTICATION: Body = {
    "threeDSReqAuthData": "own data",
    "threeDSReqAuthMethod": "02",
    "threeDSReqAuthTimestamp": "202602140929",
}
_PRIOR: Body = {
    "threeDSReqPriorAuthData": "own data",
    "threeDSReqPriorAuthMethod": "02",
    "threeDSReqPriorAuthTimestamp": "202602010929",
    "threeDSReqPriorRef": "5f1c6e00-7a3d-4b52-9c01-0000000000aa",
}
EXTENSION: Body = {
    "name": "sample",
    "id": "A000000999_sample",
    "criticalityIndicator": False,
    "data": {"colour": "green"},
}
_PHONE: Body = {"cc": "81", "subscriber": "9012345678"}
_SELLER: Body = {
    "sellerName": "Sample Seller",
    "sellerId": "seller-1",
    "sellerBusinessName": "Sample Seller Ltd",
    "sellerAccDate": "20210401",
    "sellerAddrLine1": "1-2-3 Marunouchi",
    "sellerAddrLine2": "second line",
    "sellerAddrLine3": "third line",
    "sellerAddrCity": "Chiyoda-ku",
    "sellerAddrState": "13",
    "sellerAddrPostCode": "100-0005",
    "sellerAddrCountry": "392",
    "sellerEmail": "seller@example.com",
    "sellerPhone": _PHONE,
}

# Further elements, in all versions that know them.
_MORE: Body = {
    "acctID": "account-4711",
    "acctInfo": _ACCOUNT,
    "acctType": "02",
    "addrMatch": "N",
    "appIp": "192.0.2.7",
    "billAddrCity": "Chiyoda-ku",
    "billAddrCountry": "392",
    "billAddrLine1": "1-2-3 Marunouchi",
    "billAddrLine2": "second line",
    "billAddrLine3": "third line",
    "billAddrPostCode": "100-0005",
    "billAddrState": "13",
    "broadInfo": {"note": "free"},
    "browserIP": "192.0.2.7",
    "cardExpiryDate": "2912",
    "cardSecurityCode": "123",
    "cardSecurityCodeStatus": "Y",
    "cardSecurityCodeStatusSource": "01",
    "cardholderName": "HANAKO YAMADA",
    "deviceBindingStatus": "01",
    "deviceBindingStatusSource": "01",
    "deviceId": "device-1",
    "email": "hanako.yamada@example.com",
    "homePhone": _PHONE,
    "merchantRiskIndicator": _RISK,
    "messageExtension": [EXTENSION],
    "mobilePhone": _PHONE,
    "multiTransaction": {
        "avNumberUse": "2",
        "avValidityTime": "30",
        "merchantList": [
            {
                "acquirerMerchantIdListed": "merchant-0002",
                "merchantAmount": "600",
                "merchantCurrency": "392",
                "merchantExponent": "0",
                "merchantNameListed": "Second Merchant",
                "sellerId": "seller-1",
            }
        ],
    },
    "payTokenInd": True,
    "payTokenInfo": {"token": "4000000000002008", "tokenRequestorId": "12345678901"},
    "payTokenSource": "01",
    "payeeOrigin": "https://requestor.example",
    "purchaseInstalData": "3",
    "recurringAmount": "1200",
    "recurringCurrency": "392",
    "recurringDate": "20270214",
    "recurringExpiry": "20270214",
    "recurringExponent": "0",
    "recurringFrequency": "28",
    "recurringInd": {"amountInd": "01", "frequencyInd": "01"},
    "sellerInfo": [_SELLER],
    "shipAddrCity": "Osaka",
    "shipAddrCountry": "392",
    "shipAddrLine1": "4-5-6 Umeda",
    "shipAddrLine2": "second line",
    "shipAddrLine3": "third line",
    "shipAddrPostCode": "530-0001",
    "shipAddrState": "27",
    "spcIncompInd": "01",
    "taxId": "T1234567890123",
    "threeDSMethodId": "5f1c6e00-7a3d-4b52-9c01-0000000000bb",
    "threeDSReqAuthMethodInd": "01",
    "threeDSRequestorAuthenticationInfo": _AUTHENTICATION,
    "threeDSRequestorChallengeInd": "01",
    "threeDSRequestorDecMaxTime": "00060",
    "threeDSRequestorDecReqInd": "N",
    "threeDSRequestorPriorAuthenticationInfo": _PRIOR,
    "threeDSRequestorSpcSupport": "Y",
    "threeDSServerOperatorID": "operator-0001",
    "transType": "01",
    "trustListStatus": "Y",
    "trustListStatusSource": "01",
    "userId": "user-1",
    "whiteListStatus": "Y",
    "whiteListStatusSource": "01",
    "workPhone": _PHONE,
}
_MORE_231: Body = {
    "defaultSdkType": {"sdkVariant": "01", "wrappedInd": "Y"},
    "acctInfo": _ACCOUNT | {"chAccReqID": "account-4711"},
    "broadInfo": {
        "category": "01",
        "description": "free",
        "expDate": "20270101",
        "recipients": ["01", "02"],
        "severity": "01",
        "source": "01",
    },
    "merchantRiskIndicator": _RISK | {"transChar": ["01"]},
    "threeDSRequestorAuthenticationInfo": [_AUTHENTICATION | {"dsAuthInfVerifInd": "01"}],
    "threeDSRequestorChallengeInd": ["01", "09"],
    "threeDSRequestorPriorAuthenticationInfo": [
        _PRIOR | {"threeDSReqPriorDsTransId": "5f1c6e00-7a3d-4b52-9c01-0000000000cc"}
    ],
}
# Left out of the full messages: another kind of SDK, and what must not reach the ACS.
NOT_SAMPLED = frozenset({"sdkEncData", "sdkServerSignedContent", "splitSdkType"})


def full(version: str, channel: str, category: str, names: set[str], number: int = 0) -> Body:
    """An AReq with a value for each of `names`; raises KeyError for a name without a sample."""
    body = areq(version, channel, category, number)
    newer = _MORE_231 if version == "2.3.1" else {}
    samples = _PURCHASE | _MERCHANT | _MORE | newer
    for name in sorted(names - NOT_SAMPLED):
        if name not in body or name in newer:
            body[name] = copy.deepcopy(samples[name])
    return body


def ares(request: Body, status: str) -> Body:
    """The answer to an AReq; the value of the proof is made of zeros."""
    version = request["messageVersion"]
    echoed = ("threeDSServerTransID", "dsTransID", "dsReferenceNumber")
    body: Body = {"messageType": "ARes", "messageVersion": version}
    body |= {name: request[name] for name in echoed}
    body |= {"acsTransID": acs_id(request), "acsReferenceNumber": "ACS_TEST_0001"}
    body |= {"transStatus": status}
    if status in ("Y", "A") and request["messageCategory"] == "01":
        body |= {"authenticationValue": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "eci": "05"}
    if status in ("N", "U", "R"):
        body["transStatusReason"] = "11" if status != "U" else "07"
    if status == "C":
        body |= {"acsChallengeMandated": "N", "acsURL": "https://acs.example/challenge"}
        body |= _method(version)
    return body


def acs_id(request: Body) -> str:
    """The acsTransID that goes with a request of this module."""
    own: str = request["dsTransID"]
    return own[:-1] + "3"


def _method(version: str) -> Body:
    if version == "2.3.1":
        return {"authenticationMethod": ["02"]}
    return {"authenticationType": "02"}


def creq(request: Body) -> Body:
    """The browser's CReq."""
    return {
        "messageType": "CReq",
        "messageVersion": request["messageVersion"],
        "threeDSServerTransID": request["threeDSServerTransID"],
        "acsTransID": acs_id(request),
        "challengeWindowSize": "02",
    }


def cres(request: Body, status: str) -> Body:
    """The final CRes of the browser."""
    body = creq(request) | {"messageType": "CRes", "transStatus": status}
    del body["challengeWindowSize"]
    return body


def rreq(request: Body, status: str, **more: Any) -> Body:
    """The result of a challenge; `more` replaces elements or, with None, takes them away."""
    version = request["messageVersion"]
    body: Body = {
        "messageType": "RReq",
        "messageVersion": version,
        "messageCategory": request["messageCategory"],
        **{name: request[name] for name in ("threeDSServerTransID", "dsTransID")},
        "acsTransID": acs_id(request),
        "transStatus": status,
        "interactionCounter": "01",
    }
    if status in ("Y", "N"):
        body |= _method(version)
    if status == "Y":
        body |= {"authenticationValue": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "eci": "05"}
    body |= more
    return {name: value for name, value in body.items() if value is not None}


def rres(request: Body) -> Body:
    """The 3DS Server's receipt."""
    return {
        "messageType": "RRes",
        "messageVersion": request["messageVersion"],
        **{name: request[name] for name in ("threeDSServerTransID", "dsTransID")},
        "acsTransID": acs_id(request),
        "resultsStatus": "01",
    }


def oreq(version: str, number: int = 1, total: int = 1) -> Body:
    """A part of an operational notice."""
    return {
        "messageType": "OReq",
        "messageVersion": version,
        "dsReferenceNumber": "DS_TEST_0001",
        "dsTransID": trans_id(version, 2, 0x0E0 + number),
        "opCategory": "03",
        "opDescription": "The certificate changes.",
        "opExpDate": "20270131",
        "opPriorTransRef": {"transIdType": "03", "transId": trans_id(version, 3)},
        "opSeq": {
            "seqId": trans_id(version, 9),
            "seqNum": f"{number:02}",
            "seqTotal": f"{total:02}",
        },
        "opSeverity": "02",
    }


def ores(request: Body, status: str) -> Body:
    """The answer of an ACS to the last part of a notice."""
    return {
        "messageType": "ORes",
        "messageVersion": request["messageVersion"],
        "acsReferenceNumber": "ACS_TEST_0001",
        "acsTransID": trans_id(request["messageVersion"], 3, 0x0E0),
        "dsTransID": request["dsTransID"],
        "opStatus": status,
    }


def erro(request: Body, component: str, code: str, detail: str) -> Body:
    """An error message about an AReq."""
    return {
        "messageType": "Erro",
        "messageVersion": request["messageVersion"],
        **{name: request[name] for name in ("threeDSServerTransID", "dsTransID")},
        "errorCode": code,
        "errorComponent": component,
        "errorDescription": "sample",
        "errorDetail": detail,
        "errorMessageType": "AReq",
    }
