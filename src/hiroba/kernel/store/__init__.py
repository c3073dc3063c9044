"""Where entities, their history and the change log are kept: one port, its adapters."""
