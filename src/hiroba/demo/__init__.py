"""A synthetic town, alive: land and places as data, simulated devices, and one flood that comes again and again."""
