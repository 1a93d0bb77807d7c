"""The steps by which a database comes to its schema, each a revision of alembic; `esb db upgrade` takes them.

One change of the schema each: MySQL cannot undo one, and what was cut off is tried again from its first word. A file is
named after its revision, which follows the one before it. What has been released is never changed.

`expands = True` says that the code of the revision before works with this one too.
"""
