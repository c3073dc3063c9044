"""The shelf of tiles: versions, and what goes when there is no more room."""

from hiroba.apps.map.gallery import Shelf


def test_a_thing_is_there_in_its_version_only():
    shelf = Shelf(100, len)
    shelf.put(("a",), 1, "xx")
    assert shelf.get(("a",), 1) == "xx"
    assert shelf.get(("a",), 2) is None
    shelf.put(("a",), 2, "yy")
    assert shelf.get(("a",), 1) is None
    assert shelf.get(("a",), 2) == "yy"


def test_what_was_not_looked_at_for_longest_goes_first():
    shelf = Shelf(10, len)
    shelf.put(("a",), 1, "x" * 4)
    shelf.put(("b",), 1, "x" * 4)
    assert shelf.get(("a",), 1)
    shelf.put(("c",), 1, "x" * 4)
    assert [shelf.get((key,), 1) is not None for key in "abc"] == [True, False, True]


def test_room_is_counted_when_a_thing_is_replaced():
    shelf = Shelf(10, len)
    for version in range(50):
        shelf.put(("a",), version, "x" * 9)
    assert shelf.get(("a",), 49) == "x" * 9
    shelf.put(("b",), 1, "x")
    assert shelf.get(("a",), 49) is not None


def test_a_thing_too_large_for_the_shelf_is_not_kept():
    shelf = Shelf(10, len)
    shelf.put(("a",), 1, "x" * 11)
    assert shelf.get(("a",), 1) is None
