"""The command line: parses, calls what lies below, and says in one line what failed."""
