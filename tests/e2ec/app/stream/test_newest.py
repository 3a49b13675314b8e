"""The mailbox of one place."""

from __future__ import annotations

import threading

from e2ec.app.stream.newest import Newest


def test_the_newest_item_is_taken_and_the_others_are_counted() -> None:
    box: Newest[int] = Newest()
    for number in range(5):
        box.put(number)
    assert box.get() == 4
    assert box.dropped == 4
    assert box.get(timeout=0) is None


def test_whoever_waits_gets_what_comes() -> None:
    box: Newest[str] = Newest()
    taken: list[str | None] = []
    reader = threading.Thread(target=lambda: taken.append(box.get(5)))
    reader.start()
    box.put("a")
    reader.join()
    assert taken == ["a"] and box.dropped == 0


def test_closing_wakes_whoever_waits_and_keeps_the_last_item() -> None:
    box: Newest[str] = Newest()
    taken: list[str | None] = ["nothing yet"]
    reader = threading.Thread(target=lambda: taken.append(box.get()))
    reader.start()
    box.close()
    reader.join(5)
    assert taken[-1] is None and box.closed
    box.put("late")
    assert box.get() == "late" and box.get() is None
