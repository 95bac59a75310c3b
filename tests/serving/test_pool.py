"""The queue and its workers, with workers that die, hang and fail to load as they are told."""

import asyncio

import pytest

from glasspose.errors import WeightsError
from glasspose.serving import pool as pools
from glasspose.serving.pool import Pool
from glasspose.serving.problems import Problem
from glasspose.serving.process import WorkerLostError


class Fake:
    """A worker that answers with its number and the data, and dies of what begins with `kill`."""

    made, failing, seconds = 0, (), 0.01

    def __init__(self, told):
        Fake.made += 1
        self.number, self.lost, self.about, self.batches = Fake.made, False, {"device": "cpu"}, []
        self.pid, self._gone = self.number, asyncio.Event()

    async def start(self):
        if self.number in self.failing:
            raise WeightsError("these are no weights")

    async def ask(self, message, lumps, seconds):
        self.batches.append(list(lumps))
        await asyncio.sleep(self.seconds)
        if any(data.startswith(b"kill") for data in lumps):
            self.stop()
            raise WorkerLostError
        return {"answers": [{"worker": self.number} for _ in lumps]}, list(lumps)

    async def gone(self):
        await self._gone.wait()

    def stop(self):
        self.lost = True
        self._gone.set()


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(pools, "WorkerProcess", Fake)
    monkeypatch.setattr(pools, "PAUSE", (0.01, 0.05))
    Fake.made, Fake.failing, Fake.seconds = 0, (), 0.01
    return Fake


async def opened(workers=1, room=8, batch=4):
    losses = []
    made = Pool({}, workers=workers, room=room, batch=batch, seconds=1, on_batch=lambda *_: None, on_loss=lambda: losses.append(1))
    made.losses = losses
    await made.start()
    return made


async def submit(pool, data, seconds=5.0):
    try:
        told, lump = await pool.submit({}, data, seconds)
    except Problem as problem:
        return problem.code
    assert lump == data
    return told["worker"]


def test_what_waits_goes_together_and_answers_find_their_requests(fake):
    async def run():
        pool = await opened(room=64, batch=16)
        answers = await asyncio.gather(*(submit(pool, b"%d" % i) for i in range(40)))
        sizes = [len(batch) for batch in pool._slots[0].worker.batches]
        await pool.close()
        return answers, sizes

    answers, sizes = asyncio.run(run())
    assert set(answers) == {1}
    assert max(sizes) == 16
    assert sum(sizes) == 40


def test_the_queue_is_bounded_and_says_when_to_come_back(fake):
    fake.seconds = 0.2

    async def run():
        pool = await opened(room=8, batch=4)
        answers = await asyncio.gather(*(submit(pool, b"%d" % i) for i in range(40)))
        with pytest.raises(Problem) as full:
            await asyncio.gather(*(pool.submit({}, b"", 5) for _ in range(40)))
        await pool.close()
        return answers, full.value

    answers, full = asyncio.run(run())
    assert answers.count("queue-full") == 40 - 8
    assert full.status == 429
    assert int(full.headers()["retry-after"]) >= 1


def test_a_request_has_a_deadline_and_leaves_the_queue(fake):
    fake.seconds = 0.3

    async def run():
        pool = await opened(batch=1)
        answers = await asyncio.gather(*(submit(pool, b"%d" % i, seconds=0.1) for i in range(3)))
        waiting = pool.waiting
        await pool.close()
        return answers, waiting

    assert asyncio.run(run()) == (["too-slow"] * 3, 0)


def test_a_worker_that_dies_loses_nobody_but_the_one_that_kills(fake):
    async def run():
        pool = await opened(room=64, batch=16)
        data = [b"%d" % i for i in range(20)]
        data[7] = b"kill"
        answers = await asyncio.gather(*(submit(pool, part) for part in data))
        after = await submit(pool, b"after")
        losses = len(pool.losses)
        await pool.close()
        return answers, after, losses

    answers, after, losses = asyncio.run(run())
    assert answers[7] == "lost"
    assert [answer for answer in answers if isinstance(answer, str)] == ["lost"]
    assert isinstance(after, int)
    assert losses == 2


def test_a_worker_that_dies_idle_is_replaced(fake):
    async def run():
        pool = await opened()
        first = await submit(pool, b"one")
        pool._slots[0].worker.stop()
        await asyncio.sleep(0.1)
        ready = pool.ready
        second = await submit(pool, b"two")
        await pool.close()
        return first, ready, second

    assert asyncio.run(run()) == (1, True, 2)


def test_weights_that_cannot_be_loaded_are_told_at_the_start_and_tried_again_later(fake):
    fake.failing = (1,)
    with pytest.raises(WeightsError):
        asyncio.run(opened())
    fake.made, fake.failing = 0, (2, 3)

    async def run():
        pool = await opened()
        pool._slots[0].worker.stop()
        answer = await submit(pool, b"waits for the fourth")
        await pool.close()
        return answer

    assert asyncio.run(run()) == 4


def test_new_weights_replace_old_ones_without_losing_a_request_and_bad_ones_do_not(fake):
    async def run():
        pool = await opened(workers=2, room=500)
        asked = [asyncio.create_task(submit(pool, b"%d" % i)) for i in range(100)]
        await asyncio.sleep(0.05)
        await pool.reload()
        asked += [asyncio.create_task(submit(pool, b"%d" % i)) for i in range(100)]
        answers = await asyncio.gather(*asked)
        new = {await submit(pool, b"x") for _ in range(5)}
        fake.failing = (fake.made + 1,)
        with pytest.raises(WeightsError):
            await pool.reload()
        still = {await submit(pool, b"x") for _ in range(5)}
        await pool.close()
        return answers, new, still

    answers, new, still = asyncio.run(run())
    assert all(isinstance(answer, int) for answer in answers)
    assert new <= {3, 4}
    assert still <= {3, 4}


def test_who_still_waits_at_the_end_is_told(fake):
    fake.seconds = 1

    async def run():
        pool = await opened(batch=1)
        asked = [asyncio.create_task(submit(pool, b"%d" % i)) for i in range(3)]
        await asyncio.sleep(0.05)
        await pool.close()
        return await asyncio.gather(*asked)

    assert asyncio.run(run()) == ["lost"] * 3
