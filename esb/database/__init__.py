"""What outlives the process, in SQL: apps, their secrets, rights, history and use. SQL stands in this room alone.

It needs the extra `database` (`postgresql`, `mysql`): nothing imports it unless `services.database` is configured.
"""
