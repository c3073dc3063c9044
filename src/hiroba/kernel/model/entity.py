"""The shape of an entity inside Hiroba: names expanded to IRIs, everything else as the standard writes it.

An entity is a plain dictionary, so that it costs nothing to read from and write to the store::

    {
      "id": "urn:ngsi-ld:RiverGauge:kasuga-1",
      "type": ["https://uri.etsi.org/ngsi-ld/default-context/RiverGauge"],   # expanded, at least one
      "scope": ["/disaster/river"],                                          # only when there is one
      "createdAt": "2026-04-01T00:00:00.000Z", "modifiedAt": "2026-04-01T00:10:00.000Z",
      "expiresAt": "…",                                                      # only when given
      "attrs": {"<attribute IRI>": [instance, …]}                            # never an empty list
    }

An attribute is a list of its instances, the default one (without `datasetId`) first; each is a dictionary::

    {
      "type": "Property",
      "value": 1.5,                        # the member that VALUE_MEMBERS names for the type
      "observedAt": "…", "unitCode": "MTR", "datasetId": "urn:…", "expiresAt": "…", "objectType": ["<IRI>"],
      "createdAt": "…", "modifiedAt": "…", "instanceId": "urn:ngsi-ld:…",
      "attrs": {"<IRI of a property of the property>": [instance, …]}        # only when there are some
    }

Sub-attributes have the same shape, without `createdAt`, `modifiedAt` and `instanceId`. Keys of objects inside a
Property's `value` are expanded too (never those of GeoJSON or of JsonProperty). `vocab` is one IRI or a list.
Times keep the text they came with; the broker's own are UTC with milliseconds and `Z`.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

Entity: TypeAlias = dict[str, Any]
Instance: TypeAlias = dict[str, Any]
Attributes: TypeAlias = dict[str, list[Instance]]

VALUE_MEMBERS: Final[dict[str, str]] = {
    "Property": "value",
    "GeoProperty": "value",
    "Relationship": "object",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "ListRelationship": "objectList",
}
"""Attribute type → the member that carries its value (GS CIM 009, 4.5.2 to 4.5.23)."""

NGSI_LD: Final = "https://uri.etsi.org/ngsi-ld/"
DEFAULT_CONTEXT: Final = "https://uri.etsi.org/ngsi-ld/default-context/"
LOCATION: Final = NGSI_LD + "location"
NULL: Final = "urn:ngsi-ld:null"
"""What stands for null where something is to be deleted (4.5.0)."""


def value_of(instance: Instance) -> Any:
    """Return the value that an instance carries, whatever its type."""
    return instance.get(VALUE_MEMBERS[instance["type"]])
