"""The ground: a call, errors, time, parameter types and texts. Imports nothing else of the gateway."""
