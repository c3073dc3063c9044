"""An app: turns entities into a service. Its folder's `setup(app)` gets an `App` and registers what it
brings.

A whole app, in the `__init__.py` of its folder::

    from hiroba.sdk import App

    from hiroba.apps.<id>.handlers import refresh, tidy, warn
    from hiroba.apps.<id>.routes import summary

    def setup(app: App) -> None:
        app.react(warn, types=["RainfallObserved"])          # pure: (change, view) -> commands
        app.on_change(refresh, types=["RiverGauge"])         # async: may read, write, call out
        app.route("/summary")(summary)                       # GET /apps/<id>/summary
        app.background(tidy)                                 # runs while the host runs
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from hiroba.sdk.city import Changed, City, Entity, Mode
from hiroba.sdk.guest import Guest, Host, Manifest
from hiroba.sdk.reacting import Reader

Since = Literal["now", "beginning"]
ChangeHandler = Callable[[Changed, City], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Write:
    """A command: write these entities (see `City.write` for the modes)."""

    entities: Sequence[Entity]
    mode: Mode = "upsert"


@dataclass(frozen=True, slots=True)
class Delete:
    """A command: delete these entities; those that are gone already are no error."""

    ids: Sequence[str]


Command = Write | Delete


@dataclass(frozen=True, slots=True)
class View:
    """What a pure handler may look at: read for it before it is called.

    `entity` is the changed entity as it is now (normalized; None once deleted); `others` holds the entities
    of the types that `react(reads=…)` named, by type; `settings` are the app's.
    """

    tenant: str
    entity: Entity | None
    others: Mapping[str, Sequence[Entity]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


Reaction = Callable[[Changed, View], Sequence[Command]]


class App(Guest):
    """Register an app's handlers, routes, panels and tasks; see `Guest` for what agents have too.

    `app.id`, `app.title`, `app.manifest`, `app.settings`, `app.data_dir`, `app.log` are there from the
    beginning; `app.city(tenant)`, `await app.tenants()` reach the data; `app.route`, `app.add_routes`,
    `app.mount`, `app.background`, `app.on_start`, `app.on_stop` register.
    """

    def __init__(
        self,
        manifest: Manifest,
        host: Host,
        *,
        data_dir: Path,
        settings: Mapping[str, Any] | None = None,
        texts: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        super().__init__(manifest, host, data_dir=data_dir, settings=settings, texts=texts)
        self.panels: list[dict[str, Any]] = []
        self.readers: list[Reader] = []
        self.origins: list[str] = []

    def show_from(self, address: str) -> None:
        """Let the console fetch what it shows, such as tiles of a background map, from the host of an address.

        The pages may reach no host beyond the server itself that no app named. An address without a host is the
        server's own. Raises ValueError for one that is neither http nor https.
        """
        parts = urlsplit(address)
        if not parts.scheme and not parts.netloc:
            return
        if parts.scheme not in ("http", "https") or not re.fullmatch(
            r"[\w.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?", parts.netloc
        ):
            raise ValueError(
                f"{address!r} is no address that a browser could fetch from: http://… or https://… is expected"
            )
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self.origins:
            self.origins.append(origin)

    def on_change(
        self,
        handler: ChangeHandler,
        *,
        types: Sequence[str] | None = None,
        tenant: str | None = None,
        since: Since = "now",
        name: str | None = None,
    ) -> ChangeHandler:
        """Call `async handler(change, city)` for each committed change of these types, in order, at least
        once.

        How far it came is kept durably under `name` (default: the function's name; keep it when you rename),
        per tenant (`tenant` None: all of them, also those to come). On the very first start it begins now, or
        with `since="beginning"` with the oldest change kept. A handler that raises is tried again with
        growing pauses; after five tries the change is logged, counted and passed over.
        """
        reader = Reader(
            name or str(getattr(handler, "__name__", "handler")),
            handler,
            owner=self.id,
            host=self._host,
            log=self.log,
            types=tuple(types) if types is not None else None,
            tenant=tenant,
            since=since,
        )
        if any(other.name == reader.name for other in self.readers):
            raise ValueError(f"app {self.id}: two change handlers are named {reader.name!r}; give one a name=")
        self.readers.append(reader)
        self.background(reader.run, name=f"changes {reader.name}")
        return handler

    def react(
        self,
        handler: Reaction,
        *,
        types: Sequence[str] | None = None,
        reads: Sequence[str] = (),
        tenant: str | None = None,
        since: Since = "now",
        name: str | None = None,
    ) -> Reaction:
        """Call the pure `handler(change, view)` and carry out the commands it returns; otherwise as
        `on_change`.

        `reads` names entity types of which all entities (up to 1,000 each) are put into `view.others`.
        """

        async def carry_out(change: Changed, city: City) -> None:
            others = {kind: (await city.entities(types=kind, limit=1000)).entities for kind in reads}
            view = View(city.tenant, await city.entity(change.id), others, self.settings)
            for command in handler(change, view):
                if isinstance(command, Delete):
                    await city.delete(command.ids)
                    continue
                written = await city.write(command.entities, mode=command.mode)
                for id, why in written.refused.items():
                    self.log.warning("%s: %s was refused: %s", handler.__name__, id, why)

        self.on_change(
            carry_out,
            types=types,
            tenant=tenant,
            since=since,
            name=name or str(getattr(handler, "__name__", "handler")),
        )
        return handler

    def panel(self, panel: Mapping[str, Any]) -> None:
        """Add a panel to those of the folder's `panels/*.toml`; same keys: `id`, `kind`, `title`, …"""
        self.panels.append(dict(panel))
