"""The only package that apps and agents import."""
