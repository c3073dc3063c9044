"""Who may ask: tokens in front of every door."""
