"""The promises of a call that asks something of the gateway: a dry run sends nothing, a key sends nothing twice."""

from dataclasses import replace

from esb.core.call import Call
from esb.core.errors import GatewayError
from esb.outgoing.engine import Target

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that ask and change nothing, as far as a vendor keeps to HTTP."""


class SendsInDryRun(GatewayError):
    """A component's bug: it sends in a dry run. Nothing has left."""

    def __init__(self, target: Target, method: str) -> None:
        declared = "carries messages" if target.sends else f"does not say sends=False, and {method} may send"
        super().__init__(
            f'a dry run must send nothing, and Target("{target.system}", "{target.interface}") {declared}: '
            "with call.options.dry_run return what would be sent, or write the component as an esb.Sender"
        )


def promised(call: Call, target: Target, method: str) -> Target:
    """Return the target as which this request counts; SendsInDryRun if it would send in a dry run.

    Within a component that sends, a target that does not say whether it sends counts as one that does, unless the
    request only reads.
    """
    options = call.options
    sends = target.sends
    if sends is None:
        sends = options.within_sender and method not in READING
    if not sends:
        return target
    if options.dry_run:
        raise SendsInDryRun(target, method)
    return target if target.sends else replace(target, sends=True)
