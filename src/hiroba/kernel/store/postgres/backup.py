"""Copies all tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path


async def write(address: str, target: Path) -> AsyncIterator[str]:
    """Write a backup."""
    yield ""
