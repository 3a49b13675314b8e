"""The threads around the network: order, errors on every side, bounded memory, and their end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

import pytest

from e2ec.app.stream.pipeline import Reading, write_behind


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def until(condition: object) -> None:
    """Wait, at most two seconds, until `condition()` is true."""
    end = time.monotonic() + 2
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.001)


def read_ahead(items: Iterable[int], count: int = 4) -> Generator[int, None, None]:
    reading = Reading(items, count=count)
    try:
        while (item := reading.get()) is not None:
            yield item
    finally:
        reading.close()


def test_items_come_in_order() -> None:
    assert list(read_ahead(range(50), 3)) == list(range(50))
    assert list(read_ahead([])) == []


def test_only_so_many_items_are_made_in_advance() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with closing(read_ahead(items(), 3)) as ahead:
        assert next(ahead) == 0
        until(lambda: len(made) == 5)  # one given out, three wait, one looks for a place
        time.sleep(0.02)
        assert len(made) == 5
    assert len(made) <= 6


def test_an_error_of_the_reader_comes_after_what_was_read_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise OSError("camera gone")

    seen = []
    with pytest.raises(OSError, match="camera gone"):
        for item in read_ahead(items()):
            seen.append(item)
    assert seen == [0, 1, 2]


def test_closing_closes_the_source() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.set()

    with pytest.raises(KeyboardInterrupt), closing(read_ahead(items(), 2)) as ahead:
        for item in ahead:
            if item == 5:
                raise KeyboardInterrupt
    assert closed.is_set()


def test_everything_is_written_in_order() -> None:
    written: list[int] = []
    with write_behind(written.append, 2) as put:
        for number in range(50):
            put(number)
    assert written == list(range(50))


def test_an_error_of_the_writer_stops_the_work() -> None:
    written: list[int] = []

    def write(number: int) -> None:
        if number == 3:
            raise OSError("disk full")
        written.append(number)

    passed = 0
    with pytest.raises(OSError, match="disk full"), write_behind(write, 2) as put:
        for number in range(1000):
            put(number)
            passed += 1
            time.sleep(0.001)
    assert written == [0, 1, 2] and passed < 1000


def test_an_error_at_the_last_item_is_raised_at_the_end() -> None:
    def write(number: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), write_behind(write) as put:
        put(0)


def test_after_an_interrupt_what_was_passed_on_is_written() -> None:
    written: list[int] = []
    with pytest.raises(KeyboardInterrupt), write_behind(written.append) as put:
        put(0)
        put(1)
        raise KeyboardInterrupt
    assert written == [0, 1]


def test_only_so_many_results_wait() -> None:
    gate = threading.Event()
    passed: list[int] = []

    def produce() -> None:
        with write_behind(lambda _: gate.wait(), 2) as put:
            for number in range(10):
                put(number)
                passed.append(number)

    producer = threading.Thread(target=produce)
    producer.start()
    until(lambda: len(passed) == 3)  # one is being written, two wait
    time.sleep(0.02)
    assert len(passed) == 3
    gate.set()
    producer.join()
    assert len(passed) == 10


def test_a_writer_that_may_drop_is_never_waited_for() -> None:
    gate, started = threading.Event(), threading.Event()
    written: list[int] = []

    def write(number: int) -> None:
        started.set()
        gate.wait()
        written.append(number)

    with write_behind(write, 2, may_drop=True) as put:
        assert put(0)
        started.wait()
        assert [put(number) for number in range(1, 6)] == [True, True, False, False, False]
        gate.set()
    assert written == [0, 1, 2]


def test_the_newest_item_is_read_and_the_maker_never_waits() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield from range(10)
        made.set()

    reading = Reading(items(), newest=True)
    assert made.wait(5)
    until(lambda: reading.get(0) == 9)
    assert reading.dropped == 9
    assert reading.get() is None and reading.ended
    reading.close()


def test_reading_gives_up_after_a_while() -> None:
    gate = threading.Event()

    def items() -> Iterator[int]:
        gate.wait()
        yield 1

    reading = Reading(items())
    assert reading.get(0.01) is None and not reading.ended
    gate.set()
    assert reading.get() == 1
    reading.close()


def test_an_interrupt_while_waiting_for_the_writer_loses_nothing() -> None:
    """It comes from the writer's own thread, in the middle of its work."""
    written: list[int] = []

    def write(number: int) -> None:
        if number == 0:
            until(lambda: passed)
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.05)
        written.append(number)

    passed: list[bool] = []
    with pytest.raises(KeyboardInterrupt), write_behind(write) as put:
        for number in range(3):
            put(number)
        passed.append(True)
        time.sleep(0)
    assert written == [0, 1, 2]
