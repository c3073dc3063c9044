"""From registered context sources to what they contribute: matching, forwarding, merging (GS CIM 009, 4.3.6)."""
