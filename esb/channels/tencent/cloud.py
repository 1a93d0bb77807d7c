"""Tencent Cloud's API 3.0: requests signed with TC3-HMAC-SHA256, and its errors told apart.

Sources: cloud.tencent.com/document/api/213/30654 (signature v3), /382/55981 (SendSms and its errors),
/1128/51558 (SendTtsVoice).
"""

import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from esb.channels.beijing import seconds_to_midnight
from esb.channels.outcome import DeliveryOutcome, Failure
from esb.channels.upstream_text import readable_code, readable_text
from esb.channels.verdict import Kind
from esb.config import ConfigModel
from esb.config.urls import HostOrUrl, SecretUrl
from esb.core import json_codec
from esb.core.call import Call
from esb.core.errors import EsbError, Limited, Message, UpstreamError
from esb.core.reasons import Reason
from esb.outgoing.client import Outgoing, Target

ALGORITHM = "TC3-HMAC-SHA256"
CONTENT_TYPE = "application/json; charset=utf-8"
SYSTEM = "TENCENT_CLOUD"


def _digits(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Identifier = Annotated[str, BeforeValidator(_digits, json_schema_input_type=str | int)]
"""An id that is digits only: YAML reads it as a number unless it is quoted."""


class TencentConfig(ConfigModel):
    """An application in the console of Tencent Cloud, and the template that was approved for it."""

    tencent_secret_id: SecretStr = Field(SecretStr(""), description="SecretId of Tencent Cloud")
    tencent_secret_key: SecretStr = Field(SecretStr(""), description="SecretKey of Tencent Cloud")
    tencent_region: str = Field("ap-guangzhou", description="region of Tencent Cloud")
    tencent_host: HostOrUrl = Field("", description="address of a private proxy to Tencent Cloud")
    sdk_app_id: Identifier = Field("", description="SdkAppId of the application")
    template_id: Identifier = Field(
        "", description="id of an approved template with one parameter, which becomes the message"
    )
    dest_url: SecretUrl = Field(
        SecretStr(""), description="a service of your own that is handed the message as JSON, and wins"
    )

    def template(self, text: str) -> dict[str, Any]:
        """Return the part of a request that fills the template with this text."""
        return {"TemplateId": self.template_id, "TemplateParamSet": [text]}

    def missing(self) -> list[str]:
        """Return the keys without which Tencent cannot be asked."""
        needed = ("tencent_secret_id", "tencent_secret_key", "sdk_app_id", "template_id")
        return [key for key in needed if not getattr(self, key)]


class TencentRefused(EsbError):
    """Tencent said no, and did nothing; `errcode` and `errmsg` are its own."""

    call_reason = Reason.REFUSED

    def __init__(self, errcode: str, errmsg: str) -> None:
        self.errcode = errcode
        self.errmsg = errmsg
        super().__init__("{errmsg}", {"errcode": errcode, "errmsg": errmsg}, errmsg=errmsg)


class TencentCloud:
    """One product of Tencent Cloud (sms, vms), called with one key."""

    def __init__(
        self, http: Outgoing, config: TencentConfig, product: str, version: str, now: Callable[[], float] = time.time
    ) -> None:
        self._http = http
        self.url = (config.tencent_host or f"https://{product}.tencentcloudapi.com").rstrip("/") + "/"
        self._product = product
        self._version = version
        self._region = config.tencent_region
        self._secret_id = config.tencent_secret_id.get_secret_value()
        self._secret_key = config.tencent_secret_key.get_secret_value()
        self._now = now

    async def call(self, call: Call, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Response to one action. TencentRefused, or UpstreamError if nobody knows whether it was done."""
        refuses = partial(refused, numbers=body.get("PhoneNumberSet", ()))
        target = Target(SYSTEM, action, _kind, sends=True, refuses=refuses)
        raw = json_codec.encode(dict(body))
        answer = await self._http.json(call, target, "POST", self.url, body=raw, headers=self._headers(action, raw))
        return self._response(target, answer)

    def _headers(self, action: str, body: bytes) -> dict[str, str]:
        host = urlsplit(self.url).netloc
        timestamp = int(self._now())
        return {
            "Host": host,
            "Content-Type": CONTENT_TYPE,
            "Authorization": authorization(
                self._secret_id, self._secret_key, product=self._product, host=host, body=body, timestamp=timestamp
            ),
            "X-TC-Action": action,
            "X-TC-Version": self._version,
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Region": self._region,
            "X-TC-Language": "en-US",
        }

    def _response(self, target: Target, answer: Mapping[str, Any]) -> dict[str, Any]:
        response = answer.get("Response")
        if not isinstance(response, dict):
            raise UpstreamError(target.system, target.interface, "the response has an unknown form")
        error = response.get("Error")
        if error is None:
            return response
        if not isinstance(error, dict):
            raise UpstreamError(target.system, target.interface, "the response has an unknown form")
        errcode = self.readable_code(error.get("Code"))
        errmsg = self.readable_text(error.get("Message"))
        if in_doubt(errcode):
            reason = Message("{errcode}: {errmsg}", {"errcode": errcode, "errmsg": errmsg})
            raise UpstreamError(target.system, target.interface, reason)
        raise TencentRefused(errcode, errmsg)

    def readable_code(self, code: Any) -> str:
        """Tencent's own code, if it is one."""
        return str(readable_code(code, self._secret_key, self._secret_id))

    def readable_text(self, text: Any) -> str:
        """Tencent's own text as a caller may read it."""
        return readable_text(text, self._secret_key, self._secret_id)


async def attempt(addresses: Sequence[str], sending: Callable[[], Awaitable[DeliveryOutcome]]) -> DeliveryOutcome:
    """Return whom `sending` reached of these addresses, whichever way it ends."""
    try:
        return await sending()
    except TencentRefused as refusal:
        failed = (failure(address, refusal.errcode, refusal.errmsg) for address in addresses)
        return DeliveryOutcome(failed=tuple(failed))
    except (UpstreamError, Limited) as error:
        return DeliveryOutcome.stopped(addresses, error)


def authorization(secret_id: str, secret_key: str, *, product: str, host: str, body: bytes, timestamp: int) -> str:
    """The header Authorization of a POST of JSON to the path /."""
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{product}/tc3_request"
    request = f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\n\ncontent-type;host\n{_digest(body)}"
    to_sign = f"{ALGORITHM}\n{timestamp}\n{scope}\n{_digest(request.encode())}"
    key = f"TC3{secret_key}".encode()
    for part in (date, product, "tc3_request"):
        key = _keyed(key, part)
    signature = _keyed(key, to_sign).hex()
    return f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders=content-type;host, Signature={signature}"


def refused(answer: Mapping[str, Any], numbers: Sequence[str] = ()) -> bool:
    """Return True if Tencent did nothing: it said so of the request as a whole, or of each of these numbers."""
    response = answer.get("Response")
    if not isinstance(response, dict):
        return False
    error = response.get("Error")
    if error is not None:
        return isinstance(error, dict) and not in_doubt(str(readable_code(error.get("Code"))))
    statuses = response.get("SendStatusSet")
    if not isinstance(statuses, list) or not 0 < len(numbers) <= len(statuses):
        return False
    return all(isinstance(status, dict) and _number_refused(str(status.get("Code") or "")) for status in statuses)


def _number_refused(code: str) -> bool:
    return bool(code) and code.lower() != "ok" and not in_doubt(code)


def in_doubt(errcode: str) -> bool:
    """Return True if Tencent failed in a way that leaves open what it did: its own errors and time-outs."""
    return errcode.startswith("InternalError") or "Timeout" in errcode


def failure(address: str, errcode: str, errmsg: str) -> Failure:
    """Return the failure of an address that Tencent refused with this code."""
    return Failure(address, errcode, errmsg, class_of(errcode), retry_after(errcode) or None)


_CLASSES: Mapping[Kind, re.Pattern[str]] = {
    "receiver": re.compile(r"PhoneNumber(?!.*CountLimit)|CalledNumber|Blacklist"),
    "config": re.compile(
        r"^(AuthFailure|Unauthorized|UnsupportedOperation|UnsupportedRegion|NoSuch|InvalidAction|ResourceInsufficient)"
        r"|Balance|Signature|Unapproved|SdkAppId|AppId|TemplateId|Package|Contact(Tencent)?Helper"
    ),
    "message": re.compile(r"InvalidParameter|^(MissingParameter|UnknownParameter)|Sensitive|Template|Content"),
}
"""Class -> the words in a code that tell it; the first that fits counts. Source: as above, the tables of errors."""


def class_of(errcode: str) -> Kind:
    """Return the class of a code that says no."""
    if retry_after(errcode):
        return "quota"
    return next((kind for kind, words in _CLASSES.items() if words.search(errcode)), "unknown")


def retry_after(errcode: str, now: datetime | None = None) -> float:
    """Return the seconds until a frequency limit is over; 0 for what is no limit, or one that time does not lift."""
    if errcode.startswith("RequestLimitExceeded"):
        return 1.0
    if not errcode.startswith("LimitExceeded") or errcode.endswith(("Blacklist", "CountLimit")):
        return 0.0
    if "Daily" in errcode:
        return float(seconds_to_midnight(now))
    return 3600.0 if "OneHour" in errcode else 30.0 if "ThirtySecond" in errcode else 60.0


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _kind(answer: Mapping[str, Any]) -> str:
    """The class of an answer, for those who count them: Tencent tells errors under status 200, and without a code."""
    response = answer.get("Response")
    return "ok" if isinstance(response, dict) and "Error" not in response else "unknown"
