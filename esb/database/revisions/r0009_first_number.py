"""The row of the counter of changes."""

from sqlalchemy import column, table

from esb.database.steps import insert_once

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    insert_once(table("change_counter", column("id"), column("number")), {"id": 1, "number": 0})
