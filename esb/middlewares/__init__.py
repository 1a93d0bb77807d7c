"""The shared chain: one middleware a file, each built once from its stanza."""
