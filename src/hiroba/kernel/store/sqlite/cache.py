"""Where readers look for the cache that both adapters share."""

from hiroba.kernel.store.cache import Cache, Row

__all__ = ["Cache", "Row"]
