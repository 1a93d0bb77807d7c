"""`dest_url`: a message handed to a service of the operator's own, in the old ESB's form.

The service gets the component's parameters as one JSON object, the receivers as lists, and answers as a component
does: `{"result": true}`, or `result` false with `code` and `message`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from esb.call import Call
from esb.channels.audience import Audience, rehearsal
from esb.channels.reached import Miss, Reached, shown, shown_code, stopped
from esb.errors import EsbError, Limited, Message, UpstreamError
from esb.outgoing import Outgoing, Target

SHORT = 4
"""Parts of an address that are no longer than this hide nothing."""
KEY_LENGTH = 16
"""A part of the path that is as long as this may be a key; a shorter one is a word that people need to read."""


def unfinished(missing: Sequence[str]) -> EsbError:
    """What a call of a component that is declared but not configured is told."""
    return EsbError(
        "Unfinished interface shall be improved by the component developer: "
        "the operator has to configure dest_url, or else {keys}",
        {"username_check": {"invalid": []}},
        keys=", ".join(missing),
    )


async def relay(
    http: Outgoing, call: Call, target: Target, url: str, message: Mapping[str, Any], addresses: Sequence[str]
) -> Reached:
    """Posts the message once. Its answer stands for all addresses."""
    sent = True
    try:
        answer = await http.json(call, target, "POST", url, body=message)
        if "result" not in answer:
            raise UpstreamError(target.system, target.interface, "the response holds no result")
        sent = bool(answer["result"])
    except UpstreamError as error:
        sent = error.sent
        return stopped(addresses, error)
    except Limited as error:
        sent = False
        return stopped(addresses, error)
    finally:
        call.record.sent |= sent
    if answer["result"]:
        return Reached(accepted=tuple(addresses), answered=answer.get("data"))
    secrets = _secrets(url)
    errcode, errmsg = shown_code(answer.get("code"), *secrets), shown(answer.get("message"), *secrets)
    return Reached(failed=tuple(Miss(address, errcode, errmsg) for address in addresses))


def _secrets(url: str) -> list[str]:
    """What of the address must not come back in an answer: hooks carry their key in the path or the query."""
    place = urlsplit(url)
    target = f"{place.path}?{place.query}" if place.query else place.path
    values = [pair.partition("=")[2] for pair in place.query.split("&")]
    keys = [part for part in place.path.split("/") if len(part) >= KEY_LENGTH]
    parts = [url, target, place.query, place.password or "", *values, *keys]
    return [form for part in parts if len(part) > SHORT for form in (part, unquote(part), unquote_plus(part))]


def relay_said(reached: Reached, otherwise: str) -> Message:
    """The relay's own message, which the old ESB passed on as it was; `otherwise` if it gave none."""
    errmsg = next((miss.errmsg for miss in reached.failed if miss.errcode is not None), "")
    return Message("{errmsg}", {"errmsg": errmsg}) if errmsg else Message(otherwise)


def relay_rehearsal(audience: Audience, message: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a dry run. The relay's address is a secret of the operator's."""
    return rehearsal(audience, [(audience.addresses, "dest_url", message)])
