"""Clients that other people's generators make of `esb openapi`: `make clients`."""
