"""Decide which names entity types and attributes may have (GS CIM 009, 4.6.2 and 4.5.1)."""

from __future__ import annotations

import re
from typing import Final

from hiroba.kernel.model.entity import NGSI_LD
from hiroba.kernel.model.errors import BadRequestData, shown
from hiroba.kernel.model.ids import is_uri

_TAG: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")

ENTITY_MEMBERS: Final = frozenset(
    ("id", "type", "@id", "@type", "@context", "scope", "expiresAt", "createdAt", "modifiedAt", "deletedAt")
)
"""The members of an entity that are no attributes."""

# `value` and its like are let through: published models have attributes of these names
_RESERVED: Final = frozenset(
    NGSI_LD + name
    for name in (
        "hasPreviousValue",
        "hasPreviousObject",
        "hasPreviousLanguageMap",
        "hasPreviousVocab",
        "hasPreviousJson",
        "hasPreviousValueList",
        "hasPreviousObjectList",
        "hasValueType",
        "hasObjectType",
        "datasetId",
        "instanceId",
        "observedAt",
        "unitCode",
        "createdAt",
        "modifiedAt",
        "deletedAt",
        "expiresAt",
        "scope",
    )
)


def is_name(text: str) -> bool:
    """Tell whether a text is a name: a letter, then letters, digits and underscores of any script.

    Hyphens are let through too, because published Smart Data Models have them.
    """
    return text[:1].isalpha() and text.replace("_", "a").replace("-", "a").isalnum()


def is_type_name(text: str) -> bool:
    """Tell whether a text can name an entity type: a name, a prefixed name or a URI."""
    if is_name(text):
        return True
    prefix, colon, rest = text.partition(":")
    return bool(colon) and ((is_name(prefix) and is_name(rest)) or is_uri(text))


def check_attribute_name(text: str, iri: str, *, mapped: bool) -> None:
    """Raise BadRequestData unless the text can name an attribute; `mapped` for a term that the @context defines."""
    if text in ENTITY_MEMBERS or text.startswith("@") or iri in _RESERVED:
        raise BadRequestData(f"{shown(text)} has a meaning of its own in NGSI-LD and cannot name an attribute.")
    if not mapped and not is_type_name(text):
        raise BadRequestData(
            f"{shown(text)} cannot name an attribute; use letters, digits and underscores after a letter, or a URI."
        )


def is_language(text: str) -> bool:
    """Tell whether a text has the form of a language tag (RFC 5646), or is `@none`."""
    return text == "@none" or _TAG.fullmatch(text) is not None
