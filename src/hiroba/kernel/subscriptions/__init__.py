"""From the change log to matching to delivery."""
