"""All tables of the schema, in one place: for who compares or copies them."""

from collections.abc import Sequence

from sqlalchemy import Table

from esb.database import apps, changes, deliveries, history, keys, schema, use
from esb.database.metadata import METADATA

MODULES = (apps, changes, deliveries, history, keys, schema, use)
"""The modules that describe a table: importing them has put it into METADATA."""


def tables() -> Sequence[Table]:
    """Return all tables, each behind those that its rows refer to."""
    return METADATA.sorted_tables
