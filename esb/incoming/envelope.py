"""The envelope: the one form of every answer."""

from typing import Any

from esb.contracts.component import Envelope
from esb.core.errors import EsbError, template, untranslated
from esb.core.i18n import Translate

CRASHED = template("Component error, please contact the component developer to handle it.")
GENERAL_FAILURE = 1306000


def success(data: Any, request_id: str) -> dict[str, Any]:
    """Envelope a component's data."""
    return {"result": True, "code": 0, "message": "OK", "data": data, "request_id": request_id}


def failure(error: EsbError, request_id: str, translate: Translate = untranslated) -> dict[str, Any]:
    """Envelope an error. A Message in its data is rendered when the answer is written."""
    return {
        "result": False,
        "code": error.code,
        "message": error.message.render(translate),
        "data": error.data,
        "request_id": request_id,
    }


def crash(request_id: str, translate: Translate = untranslated) -> dict[str, Any]:
    """Envelope a failure that should not be; the log has more under the same id."""
    return {
        "result": False,
        "code": GENERAL_FAILURE,
        "message": translate(CRASHED),
        "data": None,
        "request_id": request_id,
    }


def completed(envelope: Envelope, request_id: str) -> dict[str, Any]:
    """Complete a component's own envelope with the old ESB's defaults; its further keys stay."""
    result = envelope.get("result", False)
    return {
        "result": result,
        "code": 0 if result else GENERAL_FAILURE,
        "message": "",
        "data": None,
        **envelope,
        "request_id": request_id,
    }
