"""Meanings of WeChat's errcodes, one table a platform."""
