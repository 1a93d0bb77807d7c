"""The table of contents of deliveries."""

from sqlalchemy import BigInteger, Column

from esb.database.metadata import Sealed, exact
from esb.database.steps import create_table

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    create_table(
        "content",
        Column("delivery", exact(32), primary_key=True),
        Column("sealed", Sealed, nullable=False),
        Column("purge", BigInteger, nullable=False),
    )
