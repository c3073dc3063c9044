"""Agents turn the world into entities: one folder per protocol."""
