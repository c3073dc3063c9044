"""The index finds the subscriptions that a scan of all of them finds, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hiroba.kernel.store.port import AttributeChange, Change
from hiroba.kernel.subscriptions.entry import Entry, compile_entry
from hiroba.kernel.subscriptions.index import SubscriptionIndex, match

TYPES = ["A", "B", "C"]
NAMES = ["p", "q", "r"]
IDS = ["urn:x:1", "urn:x:2", "urn:y:3"]
TRIGGERS = [
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
]
NOW = 1_800_000_000_000_000


def record(id: str, **members: Any) -> dict[str, Any]:
    body = {"id": id, "type": "Subscription", "notification": {"endpoint": {"uri": "http://localhost/"}}, **members}
    names = {name: f"urn:{name}" for name in (*TYPES, *NAMES)}
    return {
        "body": body,
        "terms": {member: names for member in ("entities", "watchedAttributes", "q")},
        "context": "http://localhost/context",
        "since": 0,
        "createdAt": "2026-01-01T00:00:00Z",
        "modifiedAt": "2026-01-01T00:00:00Z",
    }


def entry(id: str = "urn:s:1", *, since: int = 0, **members: Any) -> Entry:
    return compile_entry("", {**record(id, **members), "since": since})


def instance(value: int) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def changed(
    op: str, kinds: dict[str, str], *, id: str = IDS[0], types: tuple[str, ...] = ("A",), value: int = 1
) -> Change:
    changes = tuple(
        AttributeChange(
            f"urn:{name}",
            None,
            kind,
            None if kind == "created" else instance(0),
            None if kind == "deleted" else instance(value),
        )
        for name, kind in kinds.items()
    )
    kept = {f"urn:{name}": [instance(value)] for name, kind in kinds.items() if op == "deleted" or kind != "deleted"}
    iris = tuple(f"urn:{one}" for one in types)
    return Change(7, NOW, op, id, iris, changes, {"id": id, "type": list(iris), "attrs": kept}, 1)


@dataclass
class Naive:
    """The same decision from the document, told in other words."""

    body: dict[str, Any]

    def selected(self, change: Change) -> bool:
        selectors = self.body.get("entities")
        if selectors is None:
            return True
        types = {type.removeprefix("urn:") for type in change.types}
        for one in selectors:
            wanted = one["type"]
            typed = wanted == "*" or any(
                all(part in types for part in option.split(";")) for option in wanted.split(",")
            )
            named = one["id"] == change.id if "id" in one else "idPattern" not in one or one["idPattern"] in change.id
            if typed and named:
                return True
        return False

    def triggered(self, change: Change) -> bool:
        asked = set(self.body.get("notificationTrigger", ["attributeCreated", "attributeUpdated"]))
        if "entityUpdated" in asked:
            asked |= {"attributeCreated", "attributeUpdated", "attributeDeleted"}
        watched = self.body.get("watchedAttributes", NAMES)
        has = any(f"urn:{name}" in change.entity["attrs"] for name in watched) or "watchedAttributes" not in self.body
        if change.op == "deleted" and "entityDeleted" in asked and has:
            return True
        if change.op == "created" and "entityCreated" in asked and has:
            return True
        return any(
            one.attribute.removeprefix("urn:") in watched and f"attribute{one.kind.capitalize()}" in asked
            for one in change.changes
        )

    def met(self, change: Change) -> bool:
        q = self.body.get("q")
        if q is None:
            return True
        name, bound = q.split(">")
        return any(one["value"] > int(bound) for one in change.entity["attrs"].get(f"urn:{name}", ()))


selector = st.fixed_dictionaries(
    {"type": st.sampled_from(["*", "A", "B", "A,B", "A;B", "B,C", "A;B,C"])},
    optional={"id": st.sampled_from(IDS), "idPattern": st.sampled_from(["urn:x", "urn:y", ":2"])},
)
members = st.fixed_dictionaries(
    {},
    optional={
        "entities": st.lists(selector, min_size=1, max_size=3),
        "watchedAttributes": st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
        "notificationTrigger": st.lists(st.sampled_from(TRIGGERS), min_size=1, unique=True),
        "q": st.sampled_from(["p>0", "p>3", "q>2"]),
    },
)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    op = draw(st.sampled_from(["created", "updated", "deleted"]))
    allowed = {"created": ["created"], "deleted": ["deleted"]}.get(op, ["created", "updated", "touched", "deleted"])
    kinds = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(allowed)))
    types = tuple(draw(st.lists(st.sampled_from(TYPES), min_size=1, unique=True)))
    return changed(op, kinds, id=draw(st.sampled_from(IDS)), types=types, value=draw(st.integers(0, 5)))


@settings(max_examples=400, deadline=None)
@given(st.lists(members, max_size=12), st.lists(changes(), min_size=1, max_size=5), st.sets(st.integers(0, 11)))
def test_index_agrees_with_a_scan(bodies: list[dict[str, Any]], seen: list[Change], dropped: set[int]) -> None:
    index = SubscriptionIndex()
    for number, body in enumerate(bodies):
        index.put(entry(f"urn:s:{number}", **body))
    for number in dropped:
        index.drop(f"urn:s:{number}")
    kept = {f"urn:s:{number}": body for number, body in enumerate(bodies) if number not in dropped}
    for change in seen:
        scan = {id for id, body in kept.items() if all(part(change) for part in parts(body))}
        assert {one.id for one in index.matches(change, NOW)} == scan
        assert {one.id for one in index if match(one, change, NOW)} == scan


def parts(body: dict[str, Any]) -> tuple[Any, ...]:
    naive = Naive(body)
    return naive.selected, naive.triggered, naive.met


def test_emptied_index_holds_nothing() -> None:
    index = SubscriptionIndex()
    for number in range(50):
        index.put(entry(f"urn:s:{number}", entities=[{"type": "A,B"}], watchedAttributes=["p", "q"], q="p>1"))
    assert len(index.matches(changed("updated", {"p": "updated"}, value=2), NOW)) == 50
    for number in range(50):
        index.drop(f"urn:s:{number}")
    assert (len(index), index._by_name, index._by_id, index._shared) == (0, {}, {}, {})


def test_equal_conditions_are_evaluated_once() -> None:
    index = SubscriptionIndex()
    for number in range(50):
        index.put(entry(f"urn:s:{number}", entities=[{"type": "A"}], q="p>1" if number else "p>9"))
    asked = []
    change = changed("updated", {"p": "updated"}, value=2)
    assert len(index.matches(change, NOW)) == 49
    for shared in index._shared.values():
        test = shared.test or (lambda entity: False)
        shared.test = lambda entity, test=test: asked.append(1) or test(entity)  # type: ignore[func-returns-value, misc]
    assert len(index.matches(change, NOW)) == 49
    assert len(asked) == 1


def test_other_types_and_attributes_are_not_even_looked_at() -> None:
    index = SubscriptionIndex()
    for number in range(1000):
        index.put(entry(f"urn:s:{number}", entities=[{"type": "B"}], watchedAttributes=["q"]))
    index.put(entry("urn:s:mine", entities=[{"type": "A"}], watchedAttributes=["p"]))
    assert [one.id for one, _ in index._candidates(changed("updated", {"p": "updated"}))] == ["urn:s:mine"]
    assert [one.id for one, _ in index._candidates(changed("updated", {"q": "updated"}))] == []


def test_only_later_changes_while_active() -> None:
    change = changed("updated", {"p": "updated"})
    for chosen, expected in (
        (entry(entities=[{"type": "A"}]), True),
        (entry(entities=[{"type": "A"}], since=7), False),
        (entry(entities=[{"type": "A"}], isActive=False), False),
        (entry(entities=[{"type": "A"}], expiresAt="2026-02-01T00:00:00Z"), False),
        (entry(entities=[{"type": "A"}], timeInterval=5), False),
    ):
        index = SubscriptionIndex()
        index.put(chosen)
        assert bool(index.matches(change, NOW)) is expected
        assert match(chosen, change, NOW) is expected
