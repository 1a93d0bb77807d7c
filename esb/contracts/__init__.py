"""The contracts of everything esb.yaml can name: components, middlewares and services."""
