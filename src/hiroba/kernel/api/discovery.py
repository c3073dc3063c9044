"""Types and attributes in use, over HTTP (GS CIM 009, 6.25 to 6.28)."""

from __future__ import annotations

from typing import Any

from hiroba.kernel.api import parameters
from hiroba.kernel.api.http import Request, Response
from hiroba.kernel.api.negotiation import context_of, flag, media_type, respond
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker import discovery
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.ids import new_urn
from hiroba.kernel.store.port import AttributeUse


async def list_types(broker: Broker, request: Request) -> Response:
    """List the entity types, with `details=true` their attributes too (6.25.3.1)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    uses = await discovery.type_uses(broker, request.tenant)
    body: Any
    if flag(request.query, "details"):
        body = [
            {
                "id": use.type,
                "type": "EntityType",
                "typeName": context.compact_name(use.type),
                "attributeNames": [context.compact_name(name) for name in use.attributes],
            }
            for use in uses
        ]
    else:
        body = {
            "id": new_urn("EntityTypeList"),
            "type": "EntityTypeList",
            "typeList": [context.compact_name(use.type) for use in uses],
        }
    return respond(request, body, context, kind=kind)


async def describe_type(broker: Broker, request: Request) -> Response:
    """Describe one entity type (6.26.3.1)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    use, attributes = await discovery.type_use(broker, request.tenant, context.expand_name(request.params[0]))
    body = {
        "id": use.type,
        "type": "EntityTypeInfo",
        "typeName": context.compact_name(use.type),
        "entityCount": use.count,
        "attributeDetails": [
            {
                "id": name,
                "type": "Attribute",
                "attributeName": context.compact_name(name),
                "attributeTypes": list(attribute.kinds),
            }
            for name, attribute in attributes.items()
        ],
    }
    return respond(request, body, context, kind=kind)


async def list_attributes(broker: Broker, request: Request) -> Response:
    """List the attributes, with `details=true` the types that have them too (6.27.3.1)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    uses = await discovery.attribute_uses(broker, request.tenant)
    body: Any
    if flag(request.query, "details"):
        body = [_attribute(use, context) for use in uses]
    else:
        body = {
            "id": new_urn("AttributeList"),
            "type": "AttributeList",
            "attributeList": [context.compact_name(use.attribute) for use in uses],
        }
    return respond(request, body, context, kind=kind)


async def describe_attribute(broker: Broker, request: Request) -> Response:
    """Describe one attribute (6.28.3.1)."""
    kind = media_type(request)
    context = await context_of(broker, request)
    use = await discovery.attribute_use(broker, request.tenant, context.expand_name(request.params[0]))
    told = {"attributeCount": use.count, "attributeTypes": list(use.kinds)}
    return respond(request, _attribute(use, context) | told, context, kind=kind)


def _attribute(use: AttributeUse, context: Context) -> dict[str, Any]:
    return {
        "id": use.attribute,
        "type": "Attribute",
        "attributeName": context.compact_name(use.attribute),
        "typeNames": [context.compact_name(name) for name in use.types],
    }


ROUTES: list[Route] = [
    ("GET", "/ngsi-ld/v1/types", list_types, parameters.DISCOVERY_LIST),
    ("GET", "/ngsi-ld/v1/types/{type}", describe_type, parameters.DISCOVERY),
    ("GET", "/ngsi-ld/v1/attributes", list_attributes, parameters.DISCOVERY_LIST),
    ("GET", "/ngsi-ld/v1/attributes/{attrId}", describe_attribute, parameters.DISCOVERY),
]
