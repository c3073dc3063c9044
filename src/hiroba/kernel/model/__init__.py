"""Entities, attributes, contexts, geometry, time, ids and errors: pure data, no input or output."""
