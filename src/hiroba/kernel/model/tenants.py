"""Names of tenants."""

from __future__ import annotations

from typing import Final

from hiroba.kernel.model.errors import BadRequestData

LONGEST: Final = 64


def check_tenant(name: str) -> str:
    """Return a tenant's name when it can be one: letters and digits of any script, `_`, `-` and inner dots.

    Raises BadRequestData saying what is wrong with it.
    """
    if not name or len(name) > LONGEST:
        raise BadRequestData(f"A tenant's name has 1 to {LONGEST} characters; this one has {len(name)}.")
    for character in name:
        if not (character.isalnum() or character in "_-."):
            raise BadRequestData(
                f"The tenant's name {name!r} has {character!r} in it; use letters, digits, '_', '-' and '.'."
            )
    if name[0] in ".-" or name[-1] == ".":
        raise BadRequestData(f"The tenant's name {name!r} begins or ends with a mark; begin with a letter or digit.")
    return name
