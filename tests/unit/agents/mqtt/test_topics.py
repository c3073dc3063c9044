"""Topic patterns: what they match, what is subscribed, and what is wrong with those that are wrong."""

import pytest

from hiroba.agents.mqtt.translate import Topics, parse_pattern
from hiroba.sdk import Message, Misfit, ProfileError, Reading
from hiroba.sdk.profiles import Profile, parse_profile


@pytest.mark.parametrize(
    ("pattern", "filter", "topic", "captures"),
    [
        ("a/{x}/b", "a/+/b", "a/春日川/b", {"x": "春日川"}),
        ("a/dev-{x}.{y}", "a/+", "a/dev-1.2", {"x": "1", "y": "2"}),
        ("+/{x}", "+/+", "/7", {"x": "7"}),
        ("{x}/#", "+/#", "a/b/c/d", {"x": "a"}),
        ("市/水位/{x}", "市/水位/+", "市/水位/一", {"x": "一"}),
    ],
)
def test_patterns_that_fit(pattern: str, filter: str, topic: str, captures: dict[str, str]) -> None:
    parsed = parse_pattern(pattern, "p")
    assert parsed.filter == filter
    match = parsed.expression.fullmatch(topic)
    assert match is not None
    assert match.groupdict() == captures


@pytest.mark.parametrize(
    ("pattern", "topic"),
    [("a/{x}/b", "a//b"), ("a/{x}/b", "a/1/2/b"), ("a/{x}", "a/1/2"), ("a.c/{x}", "abc/1"), ("a/+", "a/1/2")],
)
def test_patterns_that_do_not_fit(pattern: str, topic: str) -> None:
    assert parse_pattern(pattern, "p").expression.fullmatch(topic) is None


@pytest.mark.parametrize("pattern", ["", None, 5, "a/#/b", "a+/b", "a/{x", "a/{x}/{x}", "a/{not a name}", "a/x}", "a#"])
def test_wrong_patterns_are_named(pattern: object) -> None:
    with pytest.raises(ProfileError, match=r"my\.yaml: "):
        parse_pattern(pattern, "my.yaml")


def profile(id: str, topic: str, **more: object) -> Profile:
    document = {"type": id, "id": f"urn:x:{id}:{{x}}", "attributes": {"v": {"path": "v"}}, "topic": topic, **more}
    return parse_profile(document, id=id, own_keys=("topic",))


def test_a_message_is_read_by_every_profile_that_fits() -> None:
    topics = Topics([profile("A", "s/{x}/+"), profile("B", "s/+/{x}", tenant="北"), profile("C", "t/{x}")])
    assert topics.filters() == ["s/+/+", "t/+"]
    found = [part for part in topics.readings(Message(1, "2026-04-01T00:00:00.000Z", "s/1/2", b'{"v": 3}'))]
    assert [(one.entity["id"], one.tenant) for one in found if isinstance(one, Reading)] == [
        ("urn:x:A:1", ""),
        ("urn:x:B:2", "北"),
    ]


def test_what_no_profile_fits_is_a_misfit() -> None:
    topics = Topics([profile("A", "s/{x}")])
    with pytest.raises(Misfit, match="no profile has a topic that fits"):
        list(topics.readings(Message(1, "", "elsewhere", b"{}")))
    with pytest.raises(Misfit, match="it is not JSON"):
        list(topics.readings(Message(1, "", "s/1", b"\xff")))


def test_a_profile_without_a_topic_is_refused() -> None:
    with pytest.raises(ProfileError, match="topic must be a text"):
        Topics([parse_profile({"type": "A", "id": "urn:x", "attributes": {}}, id="A")])
