"""The options that a caller asks for, by header or by parameter."""

from dataclasses import replace

from esb.core.call import Call, Options
from esb.core.errors import RequestError
from esb.core.params import switched_on
from esb.core.reasons import Reason
from esb.delivery.acceptance import Acceptance
from esb.delivery.terms import is_asynchronous

LONGEST_KEY = 255


def asked_options(call: Call, acceptance: Acceptance | None) -> Options:
    """Return the options that a caller asks for by header, or else by parameter; a dry run is no asynchronous call.

    RequestError for a key that is none. `acceptance` knows which parameters are the component's own.
    """
    key = call.options.idempotency_key or call.args.get("idempotency_key") or None
    if key is not None and (isinstance(key, bool) or not isinstance(key, str | int) or len(str(key)) > LONGEST_KEY):
        raise RequestError(
            "Parameters error, idempotency_key must be a string of at most {most} characters",
            call_reason=Reason.IDEMPOTENCY_KEY,
            most=255,
        )
    dry_run = call.options.dry_run or switched_on(call.args.get("dry_run"))
    later = call.options.respond_async or (acceptance is not None and is_asynchronous(call.args, acceptance.own))
    key = None if key is None else str(key)
    return replace(call.options, dry_run=dry_run, idempotency_key=key, respond_async=later and not dry_run)
