"""Engines of `deliveries`: they tell the processes that deliveries are due. The database alone says which."""
