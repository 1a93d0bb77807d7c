"""The signature of a request to Tencent Cloud (TC3-HMAC-SHA256), checked.

Source: cloud.tencent.com/document/api/213/30654.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime

from esb.sandbox.state import State, TencentAccount
from esb.sandbox.wire import Call, Refusal

VALID_S = 300
"""Seconds by which the caller's clock may differ from Tencent's."""
NEEDED = frozenset({"content-type", "host"})
"""Headers that are always signed."""
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 +Credential=(?P<id>[^/, ]+)/(?P<date>[0-9-]+)/(?P<product>[a-z]+)/tc3_request, *"
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


def signer(state: State, call: Call, product: str) -> TencentAccount:
    """Return the account whose key has signed this request for a product. Raise Refusal with an AuthFailure.

    The machine's clock counts, without what the control API has pushed it ahead: callers know nothing of that.
    """
    claimed = _AUTHORIZATION.fullmatch(call.headers.get("Authorization", ""))
    if claimed is None:
        raise Refusal("AuthFailure.InvalidAuthorization")
    account = state.tencent.get(claimed["id"])
    if account is None:
        raise Refusal("AuthFailure.SecretIdNotFound")
    timestamp = call.headers.get("X-TC-Timestamp", "")
    if not re.fullmatch("[0-9]{1,11}", timestamp) or abs(int(timestamp) - state.machine_time()) > VALID_S:
        raise Refusal("AuthFailure.SignatureExpire")
    names, scope = claimed["names"].split(";"), f"{claimed['date']}/{claimed['product']}/tc3_request"
    expected = _signature(account.secret_key, call, timestamp, names, scope)
    meant = f"{datetime.fromtimestamp(int(timestamp), UTC):%Y-%m-%d}/{product}/tc3_request"
    if not set(names) >= NEEDED or scope != meant or not hmac.compare_digest(expected, claimed["signature"]):
        raise Refusal("AuthFailure.SignatureFailure")
    return account


def _signature(secret_key: str, call: Call, timestamp: str, names: list[str], scope: str) -> str:
    headers = "".join(f"{name}:{call.headers.get(name, '').strip().lower()}\n" for name in names)
    request = f"{call.method}\n/\n\n{headers}\n{';'.join(names)}\n{hashlib.sha256(call.body).hexdigest()}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"TC3{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}".encode(), "sha256").hex()
