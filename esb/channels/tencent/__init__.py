"""Tencent Cloud: signed calls, and phone numbers as it takes them."""
