"""Hiroba (広場): an open City OS that a town hall can own."""

__version__ = "0.1.0"
