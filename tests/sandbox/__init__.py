"""The sandbox, tested as its users meet it: over HTTP."""
