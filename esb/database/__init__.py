"""Tables and transactions of what outlives the process: apps, their secrets, rights, history and use.

It needs the extra `database` (`postgresql`, `mysql`): nothing imports it unless `services.database` is configured.
"""
