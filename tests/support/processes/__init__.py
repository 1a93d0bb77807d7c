"""Gateways and commands as processes of their own."""
