"""Tables of deliveries: what was accepted, for whom, with which content, and what became of it.

Nothing a person could be known by stands here in the clear: names and addresses are sealed, and found by keyed digests.
Times are milliseconds since 1970; ids are UUIDv7, so that they sort by the time at which a delivery was accepted.
"""

from sqlalchemy import Column, Index, Integer, SmallInteger, Table

from esb.database.apps import LONGEST_CALLBACK, LONGEST_CODE, LONGEST_NAME, LONGEST_PATTERN
from esb.database.metadata import METADATA, Long, Milliseconds, Sealed, binary, exact

PRIORITIES = range(10)
"""The priorities that a delivery may have: the highest goes first."""
ID = 32
DIGEST = 32
RECEIVER_DIGEST = 16
LONGEST_CREDENTIAL = 255
TEST_ENVIRONMENT = "test"
"""The part of a credential behind its component, where that sends by its test environment."""
LONGEST_OWNER = 64
LONGEST_CLASS = 16
LONGEST_ERRCODE = 64
LONGEST_MSGID = 128

DELIVERY = Table(
    "delivery",
    METADATA,
    Column("id", exact(ID), primary_key=True),
    Column("app", exact(LONGEST_CODE), nullable=False),
    Column("username", exact(LONGEST_NAME), nullable=False),
    Column("component", exact(LONGEST_PATTERN), nullable=False),
    Column("request_id", exact(ID), nullable=False),
    Column("synchronous", SmallInteger, nullable=False),  # 1: a call that was answered with its outcome
    Column("idem", binary(DIGEST), unique=True),  # of app, component and Idempotency-Key; NULL without one
    Column("content_digest", binary(DIGEST)),  # the same key with another content is refused
    Column("state", SmallInteger, nullable=False),  # core/delivery_states.py
    Column("priority", SmallInteger, nullable=False),  # one of PRIORITIES
    Column("due", Milliseconds, nullable=False),  # the next attempt; once it has ended, when that was
    Column("lease", Milliseconds, nullable=False),  # while sending: until then it is its owner's
    Column("owner", exact(LONGEST_OWNER), nullable=False),
    Column("fence", Integer, nullable=False),  # one more with each claim: who is late finishes nothing
    # Since when somebody may have been reached without our knowing: an attempt under way, or broken off; 0: none
    Column("started", Milliseconds, nullable=False, default=0),
    Column("attempts", Integer, nullable=False),  # those that count: a quota's no does not
    Column("redrives", Integer, nullable=False, default=0),  # how often those who had failed were to get it again
    Column("created", Milliseconds, nullable=False),
    Column("expires", Milliseconds, nullable=False),
    Column("failure", exact(LONGEST_CLASS), nullable=False),  # class of the last failure, "" for none
    Column("credential", exact(LONGEST_CREDENTIAL), nullable=False),  # the component, and whose secret sends
    Column("lane", binary(RECEIVER_DIGEST)),  # digest of credential and receiver, if it has just one
    Column("callback", exact(LONGEST_CALLBACK), nullable=False),
    Column("receivers", Sealed, nullable=False),  # names, addresses and refusals, by the number of the receiver
    Index(None, "state", "priority", "due"),
    Index(None, "app", "state", "id"),
    Index(None, "component", "id"),
    Index(None, "request_id"),
    Index(None, "lane", "state"),
)

RECIPIENT = Table(
    "recipient",
    METADATA,
    Column("delivery", exact(ID), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", binary(RECEIVER_DIGEST)),  # of the name that the caller gave; NULL once forgotten
    Column("address_digest", binary(RECEIVER_DIGEST)),  # of the address, where it is another
    Column("state", SmallInteger, nullable=False),
    Column("failure", exact(LONGEST_CLASS), nullable=False),
    Column("errcode", exact(LONGEST_ERRCODE), nullable=False),
    Column("updated", Milliseconds, nullable=False),
    Index(None, "digest", "delivery"),
    Index(None, "address_digest", "delivery"),
)

ATTEMPT = Table(
    "attempt",
    METADATA,
    Column("delivery", exact(ID), primary_key=True),
    Column("fence", Integer, primary_key=True, autoincrement=False),
    Column("started", Milliseconds, nullable=False),
    Column("ended", Milliseconds, nullable=False),
    Column("worker", exact(LONGEST_OWNER), nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("failure", exact(LONGEST_CLASS), nullable=False),
)
"""Attempts that have ended; one that is under way is known by the state of its delivery."""

CONTENT = Table(
    "content",
    METADATA,
    Column("delivery", exact(ID), primary_key=True),
    Column("sealed", Sealed, nullable=False),
    Column("purge", Milliseconds, nullable=False),  # 0 while the delivery has not ended
    Index(None, "purge"),
)

DELIVERY_MESSAGE = Table(
    "delivery_message",
    METADATA,
    Column("msgid", exact(LONGEST_MSGID), primary_key=True),
    Column("delivery", exact(ID), primary_key=True),
    Column("sent", Milliseconds, nullable=False),
    Column("recalled", Milliseconds),
    Index(None, "delivery"),
)
"""The platform's ids of messages, as callers and receipts name them."""

CREDENTIAL_HOLD = Table(
    "credential_hold",
    METADATA,
    Column("credential", exact(LONGEST_CREDENTIAL), primary_key=True),  # as in delivery; or a component
    Column("since", Milliseconds, nullable=False),
    Column("probe", Milliseconds),  # one delivery may try again from then on; NULL: not before it is released
    Column("actor", exact(LONGEST_NAME), nullable=False),  # who holds it; "" the gateway itself
    Column("reason", Long, nullable=False),
)

CALLBACK_EVENT = Table(
    "callback_event",
    METADATA,
    Column("id", exact(ID), primary_key=True),
    Column("delivery", exact(ID), nullable=False),
    Column("app", exact(LONGEST_CODE), nullable=False),
    Column("callback", exact(LONGEST_CALLBACK), nullable=False),
    Column("event", exact(ID), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("due", Milliseconds, nullable=False),
    Column("lease", Milliseconds, nullable=False),
    Column("owner", exact(LONGEST_OWNER), nullable=False),
    Column("fence", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", Milliseconds, nullable=False),
    Column("body", Sealed, nullable=False),
    Index(None, "state", "due"),
    Index(None, "delivery"),
)

CALLBACK_OFF = Table(
    "callback_off",
    METADATA,
    Column("app", exact(LONGEST_CODE), primary_key=True),
    Column("callback", exact(LONGEST_CALLBACK), primary_key=True),
    Column("address", binary(DIGEST), nullable=False),  # digest of its URL: another one is not switched off
    Column("since", Milliseconds, nullable=False),
    Column("reason", Long, nullable=False),
)
"""Callbacks that were switched off because their receiver said that it is gone."""

KEPT_KEY = Table(
    "kept_key",
    METADATA,
    Column("key", binary(DIGEST), primary_key=True),  # of app, component and Idempotency-Key
    Column("app", exact(LONGEST_CODE), nullable=False),
    Column("content", exact(160), nullable=False),  # digests of user and content, as call_digests makes them
    Column("version", exact(ID), nullable=False),
    Column("lease", Milliseconds, nullable=False),  # until then its call is under way; later it is in doubt
    Column("expires", Milliseconds, nullable=False),
    Column("answer", Sealed),  # NULL while there is none
    Index(None, "expires"),
)
"""Idempotency keys of synchronous calls."""
