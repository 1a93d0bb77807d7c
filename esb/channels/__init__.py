"""Channels of messages: the engine of sending, receivers and outcomes; and the platforms, a folder each."""
