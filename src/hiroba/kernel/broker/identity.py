"""Tells who this broker is, tenant by tenant (GS CIM 009, 5.15.1)."""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import quote

from hiroba.kernel.broker.broker import Broker
from hiroba.kernel.model.ids import new_urn
from hiroba.kernel.model.instants import format_instant, now

RECORDS: Final = "identity"
SELF: Final = "self"
_STARTED: Final = time.monotonic()


async def source_identity(broker: Broker, tenant: str) -> dict[str, Any]:
    """Return the ContextSourceIdentity of a tenant (5.2.40); its id is made once and kept with the default tenant.

    The alias tells tenants apart, as chains of brokers need to do; the tenant itself need not exist yet.
    """
    home = await broker.store.tenant("")
    kept = await home.record(RECORDS, SELF)
    if kept is None:
        await home.keep_record(RECORDS, SELF, {"id": new_urn("ContextSource")})
        # of two who ask first at the same time, the later one decides for both
        kept = await home.record(RECORDS, SELF) or {}
    alias = kept["id"].rpartition(":")[2]
    return {
        "id": kept["id"],
        "type": "ContextSourceIdentity",
        "contextSourceAlias": f"hiroba-{alias}" + (f".{quote(tenant)}" if tenant else ""),
        "contextSourceUptime": f"PT{time.monotonic() - _STARTED:.3f}S",
        "contextSourceTimeAt": format_instant(now()),
    }
