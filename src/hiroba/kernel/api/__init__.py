"""The HTTP binding of the broker."""
