"""The writing of histories over HTTP (GS CIM 009, 6.18 to 6.22)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from hiroba.kernel.api import parameters
from hiroba.kernel.api.entities import attribute_of
from hiroba.kernel.api.http import JSON_LD, MERGE_PATCH, Request, Response
from hiroba.kernel.api.negotiation import context_of, contextual, flag, payload_of
from hiroba.kernel.api.router import Route
from hiroba.kernel.broker import temporal_provision as provision
from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.context import Context
from hiroba.kernel.model.entity import VALUE_MEMBERS, Instance
from hiroba.kernel.model.errors import BadRequestData
from hiroba.kernel.model.ids import check_uri
from hiroba.kernel.model.temporal import expand_evolution, read_instances

PATH: Final = "/ngsi-ld/v1/temporal/entities"
ATTRIBUTE: Final = PATH + "/{entityId}/attrs/{attrId}"
INSTANCE: Final = ATTRIBUTE + "/{instanceId}"


async def upsert_temporal(broker: Broker, request: Request) -> Response:
    """Create a temporal evolution, or add to the one that is there (6.18.3.1)."""
    payload, context = await payload_of(broker, request)
    given = expand_evolution(payload, context)
    if not await provision.upsert_temporal(broker, request.tenant, given):
        return Response(204)
    return Response(201, headers=[(b"location", f"{PATH}/{quote(given.id or '', safe=_SAFE)}".encode())])


_SAFE: Final = ":@!$&'()*+,;=-._~"


async def delete_temporal(broker: Broker, request: Request) -> Response:
    """Remove a whole temporal evolution (6.19.3.2)."""
    await provision.delete_temporal(broker, request.tenant, request.params[0])
    return Response(204)


async def add_temporal_attributes(broker: Broker, request: Request) -> Response:
    """Add instances to a temporal evolution (6.20.3.1)."""
    payload, context = await payload_of(broker, request)
    id = request.params[0]
    check_uri(id, "entity id")
    given = expand_evolution(payload, context)
    if given.id not in (None, id):
        raise BadRequestData(f"The body is about {given.id!r}, the address about {id!r}.")
    await provision.add_temporal_attributes(broker, request.tenant, id, given)
    return Response(204)


async def delete_temporal_attribute(broker: Broker, request: Request) -> Response:
    """Take an attribute out of a temporal evolution (6.21.3.1)."""
    context = await context_of(broker, request)
    id, name = request.params
    dataset = request.query.get("datasetId")
    if dataset is not None and dataset != "@none":
        check_uri(dataset, "datasetId")
    await provision.delete_temporal_attribute(
        broker,
        request.tenant,
        id,
        attribute_of(context, name),
        dataset=None if dataset == "@none" else dataset,
        all_instances=flag(request.query, "deleteAll"),
    )
    return Response(204)


async def modify_temporal_instance(broker: Broker, request: Request) -> Response:
    """Exchange one instance of an attribute (6.22.3.1)."""
    body, context = await _instance_payload(broker, request)
    id, name, instance_id = request.params
    check_uri(id, "entity id")
    await provision.modify_temporal_instance(
        broker,
        request.tenant,
        id,
        attribute_of(context, name),
        instance_id=instance_id,
        instance=_only_instance(name, body, context),
    )
    return Response(204)


async def delete_temporal_instance(broker: Broker, request: Request) -> Response:
    """Take one instance of an attribute out of a temporal evolution (6.22.3.2)."""
    context = await context_of(broker, request)
    id, name, instance_id = request.params
    iri = attribute_of(context, name)
    await provision.delete_temporal_instance(broker, request.tenant, id, iri, instance_id=instance_id)
    return Response(204)


async def _instance_payload(broker: Broker, request: Request) -> tuple[Any, Context]:
    """Return the body, an object without its @context or an array, and the context."""
    body = await request.json(MERGE_PATCH)
    if isinstance(body, dict):
        return await contextual(broker, request, body)
    if request.content_type == JSON_LD:
        raise BadRequestData("The body has no @context; application/ld+json needs one (or send application/json).")
    return body, await context_of(broker, request)


def _only_instance(name: str, body: Any, context: Context) -> Instance:
    """Return the one instance given: alone, within an array, or under the attribute's name."""
    given = body
    if isinstance(given, dict) and name in given and not any(member in given for member in _MEMBERS):
        given = given[name]
    if isinstance(given, list):
        if len(given) != 1:
            raise BadRequestData(f"{name} has {len(given)} instances; exactly one is expected.")
        given = given[0]
    if not isinstance(given, dict):
        raise BadRequestData(f"{name} is no instance of an attribute; an object is expected.")
    instances = read_instances(name, given, context)
    if len(instances) != 1:
        raise BadRequestData(f"{name} has {len(instances)} instances; exactly one is expected.")
    return instances[0]


_MEMBERS: Final = frozenset(VALUE_MEMBERS.values())

ROUTES: Final[list[Route]] = [
    ("POST", PATH, upsert_temporal, parameters.LOCAL),
    ("DELETE", PATH + "/{entityId}", delete_temporal, parameters.LOCAL),
    ("POST", PATH + "/{entityId}/attrs", add_temporal_attributes, parameters.LOCAL),
    ("DELETE", ATTRIBUTE, delete_temporal_attribute, parameters.DELETE_ATTRIBUTE),
    ("PATCH", INSTANCE, modify_temporal_instance, parameters.LOCAL),
    ("DELETE", INSTANCE, delete_temporal_instance, parameters.LOCAL),
]
