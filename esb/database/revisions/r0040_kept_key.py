"""The table of idempotency keys."""

from sqlalchemy import BigInteger, Column

from esb.database.metadata import Sealed, binary, exact
from esb.database.steps import create_table

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    create_table(
        "kept_key",
        Column("key", binary(32), primary_key=True),
        Column("app", exact(128), nullable=False),
        Column("content", exact(160), nullable=False),
        Column("version", exact(32), nullable=False),
        Column("lease", BigInteger, nullable=False),
        Column("expires", BigInteger, nullable=False),
        Column("answer", Sealed),
    )
