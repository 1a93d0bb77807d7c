"""Back ends of `services:` in esb.yaml: one folder a key, one file a back end."""
