"""Many processes behind one address: a supervisor that keeps them, and the worker that each of them runs."""
