"""Channels: one component a file, used by its name in a stanza."""
