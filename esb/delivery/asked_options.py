"""The options that a caller asks for, by header or by parameter."""

from dataclasses import replace

from esb.core.call import Call
from esb.core.errors import RequestError
from esb.core.gateway_parameters import DRY_RUN, IDEMPOTENCY_KEY
from esb.core.params import switched_on
from esb.core.reasons import Reason
from esb.delivery.acceptance import Acceptance
from esb.delivery.terms import is_asynchronous, without_terms

LONGEST_KEY = 255


def with_asked_options(call: Call, acceptance: Acceptance | None) -> Call:
    """Return the call with the options that it asks for; asynchronously and as a dry run, it is a dry run.

    RequestError for a key that is none. `acceptance` knows which parameters are the component's own.
    """
    key = call.options.idempotency_key or call.args.get(IDEMPOTENCY_KEY) or None
    if key is not None and (isinstance(key, bool) or not isinstance(key, str | int) or len(str(key)) > LONGEST_KEY):
        raise RequestError(
            "Parameters error, idempotency_key must be a string of at most {most} characters",
            call_reason=Reason.IDEMPOTENCY_KEY,
            most=LONGEST_KEY,
        )
    dry_run = call.options.dry_run or switched_on(call.args.get(DRY_RUN))
    later = call.options.respond_async or (acceptance is not None and is_asynchronous(call.args, acceptance.own))
    key = None if key is None else str(key)
    options = replace(call.options, dry_run=dry_run, idempotency_key=key, respond_async=later and not dry_run)
    if later and dry_run and acceptance is not None:
        return call.asking(options, without_terms(call.args, acceptance.own))
    return call.asking(options)
