import threading

import pytest

from glasspose.background import Background


def test_pieces_are_done_in_order_by_another_thread():
    done, behind = [], Background()
    for i in range(20):
        behind.do(lambda i=i: done.append((i, threading.current_thread() is threading.main_thread())))
    behind.finish()
    assert done == [(i, False) for i in range(20)]


def test_no_more_pieces_wait_than_there_is_room_for():
    hold, behind, given = threading.Event(), Background(waiting=2), []

    def give():
        for i in range(3):
            behind.do(hold.wait)
            given.append(i)

    giver = threading.Thread(target=give)
    giver.start()
    giver.join(0.3)
    assert given == [0, 1]
    hold.set()
    giver.join(20)
    behind.finish()
    assert given == [0, 1, 2]


def test_a_failure_is_raised_by_the_next_piece_or_at_the_end_and_ends_the_work():
    done, behind = [], Background(waiting=1)
    behind.do(lambda: 1 / 0)
    behind.finish(failed=True)
    with pytest.raises(ZeroDivisionError):
        behind.do(lambda: done.append(1))
    with pytest.raises(ZeroDivisionError):
        behind.finish()
    assert done == []
