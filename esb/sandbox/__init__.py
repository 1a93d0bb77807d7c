"""A WeChat of our own: official account, WeCom and group robots on one HTTP port, with an inbox and faults."""

from esb.sandbox.server import create_sandbox

__all__ = ("create_sandbox",)
