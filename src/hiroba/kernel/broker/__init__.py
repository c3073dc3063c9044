"""One function per NGSI-LD operation: check, write, answer."""
