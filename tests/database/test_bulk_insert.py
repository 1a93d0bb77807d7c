"""Many rows go in by few statements, and a broken rule is told as any other is."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from esb.database.bulk_insert import insert_rows
from esb.database.deliveries import DELIVERY_MESSAGE
from esb.database.engine import Database


def rows(first: int, number: int) -> list[dict[str, object]]:
    return [{"msgid": f"m{each}", "delivery": "0" * 32, "sent": each} for each in range(first, first + number)]


async def test_any_number_of_rows_goes_in_each_once(database: Database) -> None:
    numbers, written = (0, 1, 3, 64, 255, 256, 700), 0
    for number in numbers:
        async with database.writing() as connection:
            await insert_rows(connection, DELIVERY_MESSAGE, rows(written, number))
        written += number
        async with database.reading() as connection:
            found = select(func.count(), func.coalesce(func.sum(DELIVERY_MESSAGE.c.sent), 0))
            assert (await connection.execute(found)).one() == (written, sum(range(written)))


async def test_a_row_that_is_there_already_is_an_integrity_error_and_nothing_is_written(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.writing() as connection:
            await insert_rows(connection, DELIVERY_MESSAGE, rows(0, 20) + rows(7, 1))
    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(DELIVERY_MESSAGE)) == 0
