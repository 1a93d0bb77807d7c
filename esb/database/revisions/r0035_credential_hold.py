"""The table of credentials that are held."""

from sqlalchemy import BigInteger, Column

from esb.database.metadata import Long, exact
from esb.database.steps import create_table

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    create_table(
        "credential_hold",
        Column("credential", exact(255), primary_key=True),
        Column("since", BigInteger, nullable=False),
        Column("probe", BigInteger),
        Column("actor", exact(255), nullable=False),
        Column("reason", Long, nullable=False),
    )
