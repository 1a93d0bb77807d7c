"""Accepting: an asynchronous call is rehearsed, written into the database and answered; it is sent afterwards.

A rehearsal is the same call as a dry run: what is wrong with it, its caller hears at once. What is accepted is durable.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from esb.channels.recipients import addressed
from esb.config import DeliveriesConfig
from esb.config.deliveries import seconds_of
from esb.contracts.component import Component, Envelope, Repetition
from esb.contracts.middleware import Handler
from esb.core.call import Call
from esb.core.clock import Clock, utc_text
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.errors import EsbError, Message, UpstreamError
from esb.core.offloading import offloaded
from esb.core.reasons import Reason
from esb.core.redaction import sounds_secret
from esb.core.uuid7 import uuid7
from esb.database.deliveries import RECEIVER_DIGEST, TEST_ENVIRONMENT
from esb.database.delivery_writes import Accepted, DeliveryWrites, NewDelivery, NewRecipient
from esb.database.engine import Database, DatabaseAway
from esb.database.group_commit import CommitInDoubt
from esb.database.keys import DatabaseKeys
from esb.delivery import content, receivers
from esb.delivery.acceptance import SentAtOnce, own_parameters
from esb.delivery.content import DeliveryContent
from esb.delivery.delivery_keys import DeliveryKey, delivery_key, require_same_call
from esb.delivery.queued_counts import QueuedCounts
from esb.delivery.receivers import Receiver
from esb.delivery.terms import Terms, terms_of, without_terms

AWAY_SECONDS = 5
"""The seconds after which a caller may come again while the database is away."""
SEALED_AT_ONCE = 2**15
"""Bytes of a call, or thereabouts, that are encrypted at once: in a millisecond."""
RECEIVER_BYTES = 64
"""Bytes of a receiver, or thereabouts, for which it counts."""
LOCATION = "/api/c/deliveries/{id}/"
Announce = Callable[[Sequence[str]], Awaitable[None]]


class Accepting:
    """Accepts asynchronous calls. One for the process: it outlives generations.

    `announce` tells those who deliver that deliveries are due; it raises nothing, and keeps nobody waiting.
    """

    def __init__(self, database: Database, clock: Clock, announce: Announce) -> None:
        self._database = database
        self._writes = DeliveryWrites(database, clock)
        self._queued = QueuedCounts(self._writes.waiting, clock)
        self._announce = announce
        self.clock = clock

    def of(self, component: Component[Any, Any], config: DeliveriesConfig) -> "ComponentAccepting":
        """Return what accepts calls of this component, by the keys of this configuration."""
        return ComponentAccepting(self, component, config)

    @property
    def keys(self) -> DatabaseKeys:
        """The keys by which deliveries are sealed. DatabaseAway while there is nothing to write them to."""
        if self._database.is_away:
            raise DatabaseAway(self._database.trouble)
        return self._database.keys

    async def found(self, key: DeliveryKey) -> Accepted | None:
        """Return the delivery of this key. DatabaseAway."""
        return await self._writes.found(key.idem) or await self.found_before(key)

    async def found_before(self, key: DeliveryKey) -> Accepted | None:
        """Return the delivery that this key had in the period before, if that counts still. DatabaseAway."""
        if key.before is None:
            return None
        idem, seconds = key.before
        found = await self._writes.found(idem)
        return None if found is None or found.created < (self.clock.since_1970() - seconds) * 1000 else found

    async def write(self, delivery: NewDelivery, most: int) -> Accepted | None:
        """Write a delivery; return it, or the one of its key. Limited if its app has `most` waiting. DatabaseAway.

        None if the key is that of a call that is made at once, or was.
        """
        await self._queued.admit(delivery.app, most)
        accepted = await self._writes.accept(delivery)
        if accepted is not None and accepted.is_new and accepted.due <= self.clock.since_1970() * 1000:
            await self._announce((accepted.id,))
        return accepted

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._writes.close()


class ComponentAccepting:
    """Accepts the calls of one component."""

    def __init__(self, accepting: Accepting, component: Component[Any, Any], config: DeliveriesConfig) -> None:
        self._accepting = accepting
        self._expires = seconds_of(config.expires)
        self._most = config.max_queued
        self.own = own_parameters(component)
        fields = component.params_type.model_fields.items()
        self._secrets = [info.alias or name for name, info in fields if not info.repr and sounds_secret(name)]

    async def __call__(
        self,
        call: Call,
        handler: Handler,
        *,
        preferred: bool,
        repetition: Repetition | None = None,
        sent: SentAtOnce,
    ) -> dict[str, Any]:
        """Accept a call, and return its answer's data; `handler` rehearses it. EsbError for what is wrong with it.

        `preferred`: it is asked for by the header Prefer, which the answer tells. `repetition`: the key of a call that
        brings none. `sent` is asked if a call at once has the key meanwhile: its answer is returned, if it has sent.
        """
        try:
            key = self._key(call, repetition)
            data, accepted = await self._accepted(call, handler, key, sent)
        except DatabaseAway as away:
            raise _away(away, has_key=bool(call.options.idempotency_key or repetition)) from away
        if isinstance(accepted, Envelope):
            return accepted
        require_same_call(accepted, key)
        if preferred:
            call.record.status = 202
            call.record.headers["Preference-Applied"] = "respond-async"
            call.record.headers["Location"] = LOCATION.format(id=accepted.id)
        return _told(accepted, data)

    async def accepted(self, call: Call, repetition: Repetition | None = None) -> dict[str, Any] | None:
        """Return the data that tells of what was accepted under the key of a call; None if nothing was.

        RequestError if that was another call. While the database is away, so are all keys: what keeps them says it.
        """
        try:
            key = self._key(call, repetition)
            found = None if key is None else await self._accepting.found(key)
        except DatabaseAway:
            return None
        if found is None:
            return None
        require_same_call(found, key)
        return _told(found, _report(None, call))

    async def _accepted(
        self, call: Call, handler: Handler, key: DeliveryKey | None, sent: SentAtOnce
    ) -> tuple[Mapping[str, Any], Accepted | Envelope]:
        """Return what the rehearsal found, and the delivery; for a repetition that of the first call, or its answer."""
        accepting = self._accepting
        found = None if key is None else await accepting.found_before(key)
        if found is not None:
            return _report(None, call), found
        try:
            terms = terms_of(call, self.own, self._expires, accepting.clock.since_1970())
            data = await self._rehearsed(call, handler)
            delivery = await self._delivery(call, terms, key)
            while True:
                accepted = await self._written(call, delivery) or await sent()
                if accepted is not None:  # else the call that had the key has sent nothing, and gave it up
                    return data, accepted
        except EsbError:  # what was accepted once is accepted, whatever is wrong with it by now
            found = None if key is None else await accepting.found(key)
            if found is None:
                raise
            return _report(None, call), found

    async def _written(self, call: Call, delivery: NewDelivery) -> Accepted | None:
        """Write a delivery. CommitInDoubt if the time of its call is over meanwhile: it is written all the same."""
        try:
            return await self._accepting.write(delivery, self._most)
        except asyncio.CancelledError:
            if call.seconds_left > 0:
                raise
            raise CommitInDoubt("the time of the call is over") from None

    async def _rehearsed(self, call: Call, handler: Handler) -> Mapping[str, Any]:
        options = replace(call.options, dry_run=True, respond_async=True)
        return _report(await handler(call.asking(options, without_terms(call.args, self.own))), call)

    def _key(self, call: Call, repetition: Repetition | None) -> DeliveryKey | None:
        """Return the key of a call, None if it has none. DatabaseAway."""
        accepting = self._accepting
        return delivery_key(accepting.keys, call, repetition, accepting.clock.since_1970())

    async def _delivery(self, call: Call, terms: Terms, key: DeliveryKey | None) -> NewDelivery:
        """Return the delivery of a rehearsed call, as it is written. DatabaseAway."""
        found = receivers.found_in(call.component, call.record.sendings)
        size = (len(call.body) if isinstance(call.body, bytes) else 0) + RECEIVER_BYTES * len(found)
        return await offloaded(size, SEALED_AT_ONCE, self._sealed, self._accepting.keys, call, terms, key, found)

    def _sealed(
        self, keys: DatabaseKeys, call: Call, terms: Terms, key: DeliveryKey | None, found: Sequence[Receiver]
    ) -> NewDelivery:
        identity = uuid7(int(self._accepting.clock.since_1970() * 1000))
        credential = self._credential(keys, call, found)
        lane = None
        if len({receiver.address for receiver in found if not receiver.errmsg}) == 1:
            address = next(receiver.address for receiver in found if not receiver.errmsg)
            lane = keys.digest_of("lane", credential, address)[:RECEIVER_DIGEST] if address else None
        packed = content.packed(DeliveryContent.of(call, without_terms(call.args, self.own)))
        return NewDelivery(
            id=identity,
            app="" if call.app is None else call.app.code,
            username="" if call.user is None else call.user.username,
            component=call.component,
            request_id=call.id,
            idem=None if key is None else key.idem,
            kept=None if key is None else key.kept,
            content_digest=None if key is None else key.content,
            priority=terms.priority,
            due=terms.due,
            expires=terms.expires,
            credential=credential,
            lane=lane,
            callback=terms.callback,
            recipients=[_recipient(keys, receiver) for receiver in found],
            receivers=receivers.sealed(keys, identity, found),
            content=keys.seal_at(f"content/{identity}", packed),
        )

    def _credential(self, keys: DatabaseKeys, call: Call, found: Sequence[Receiver]) -> str:
        """Return the name of what sends: the component, and a digest if the call brings a secret of its own."""
        senders = {receiver.component for receiver in found}
        name = senders.pop() if len(senders) == 1 else call.component
        if call.options.test_env:
            name += f"/{TEST_ENVIRONMENT}"
        brought = [f"{name}={call.args[name]}" for name in self._secrets if call.args.get(name)]
        return f"{name}/{keys.digest_of('secret', *brought)[:8].hex()}" if brought else name


def _told(accepted: Accepted, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of an answer: the delivery, and what the rehearsal found."""
    delivery = {
        "id": accepted.id,
        "state": DeliveryState(accepted.state).word,
        "due": utc_text(accepted.due / 1000),
        "expires": utc_text(accepted.expires / 1000),
    }
    replayed = {} if accepted.is_new else {"replayed": True}
    return {"delivery": delivery, **data, **replayed}


def _recipient(keys: DatabaseKeys, receiver: Receiver) -> NewRecipient:
    name, address = receiver.name, receiver.address
    return NewRecipient(
        digest=keys.digest_of("receiver", name)[:RECEIVER_DIGEST] if name else None,
        address_digest=keys.digest_of("receiver", address)[:RECEIVER_DIGEST] if address not in ("", name) else None,
        state=ReceiverState.FAILED if receiver.errmsg else ReceiverState.QUEUED,
        failure="receiver" if receiver.errmsg else "",
    )


def _report(rehearsed: Any, call: Call) -> Mapping[str, Any]:
    """Return what an answer tells of a rehearsal: who cannot be reached, and nobody who was."""
    told = rehearsed if isinstance(rehearsed, dict) else {}
    if call.record.sendings:
        return told
    return {**addressed(()).report(), **({"warnings": told["warnings"]} if "warnings" in told else {})}


def _away(away: DatabaseAway, *, has_key: bool) -> UpstreamError:
    """Return the error for a call that could not be written. It is not sent instead: its caller may have left."""
    in_doubt = isinstance(away, CommitInDoubt)
    if in_doubt:
        reason = Message("the database went away, and nobody knows whether the call was accepted")
    else:
        reason = Message("the database is away, and nothing was accepted")
    data = {"retry_after": AWAY_SECONDS, "retryable": has_key or not in_doubt}
    return UpstreamError(
        "database",
        "deliveries",
        reason,
        sent=in_doubt,
        transient=True,
        data={**data, "outcome": "unknown"} if in_doubt else data,
        call_reason=Reason.STORE,
    )
