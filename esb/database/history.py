"""The table of what was written, by whom and by which way. A row is part of the transaction that it tells of."""

from sqlalchemy import Column, Index, String, Table

from esb.database.apps import LONGEST_CODE, LONGEST_NAME
from esb.database.metadata import METADATA, Long, Milliseconds, Number, exact

HISTORY = Table(
    "history",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("at", Milliseconds, nullable=False),
    Column("actor", exact(LONGEST_NAME), nullable=False),  # cli:root, admin:ops
    Column("via", String(16), nullable=False),  # cli, admin, apply, import
    Column("action", String(64), nullable=False),  # app.create, secret.add, grant.revoke
    Column("app", exact(LONGEST_CODE), nullable=False),  # no foreign key: it outlives the app
    Column("before", Long, nullable=False),  # JSON, only what changed; never a secret
    Column("after", Long, nullable=False),
    Index(None, "app", "id"),
    Index(None, "at"),
)
