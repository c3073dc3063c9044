"""Finds what is installed, checks it, wires the concrete classes, starts and stops."""
