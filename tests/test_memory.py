"""When memory does not suffice, fewer people at once give the same gradient."""

import pytest
import torch

from glasspose import memory, training
from glasspose.configs.models import Hourglass
from glasspose.errors import TrainingError
from glasspose.memory import ran_out, with_fewer_at_once
from glasspose.training import train
from recipes_for_tests import nano_recipe

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = Hourglass(input_size=(32, 32), channels=8, depth=1, stacks=1)


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        MemoryError(),
    ],
)
def test_what_running_out_looks_like(problem):
    assert ran_out(problem)


def test_torch_says_so_in_these_words():
    with pytest.raises(RuntimeError) as problem:
        torch.empty(1 << 60)
    assert ran_out(problem.value)


def test_other_problems_are_not_hidden():
    def work(size):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        with_fewer_at_once(work, 8, alone=True)


def holding(most, asked):
    """Work for which memory suffices up to so many people."""

    def work(size):
        asked.append(size)
        if size > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 1.5

    return work


def test_the_size_halves_until_it_fits():
    asked = []
    assert with_fewer_at_once(holding(4, asked), 13, alone=True) == (1.5, 4)
    assert asked == [13, 7, 4]


def test_one_person_too_much_and_processes_that_wait_end_in_one_line():
    with pytest.raises(TrainingError, match="one person"):
        with_fewer_at_once(holding(0, []), 4, alone=True)
    with pytest.raises(TrainingError, match="--micro-batch 2"):
        with_fewer_at_once(holding(2, []), 4, alone=False)


def without_norm(monkeypatch):
    """Batch norm's statistics depend on the company; without it a person's gradient does not."""
    start = training.start

    def started(*arguments):
        run, story = start(*arguments)
        for module in run.network.model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.train = lambda mode=True, module=module: torch.nn.Module.train(module, False)
        return run, story

    monkeypatch.setattr(training, "start", started)


def gradients_of(tmp_path, monkeypatch, name, most):
    """The gradient of every step, where a GPU holds so many people."""
    found, real, core = [], training.add_gradients, training.with_fewer_at_once
    monkeypatch.setattr(training, "add_gradients", lambda run, model, batch, size, *rest: fitting(real, most)(run, model, batch, size, *rest))

    def keeping(work, size, *, alone):
        answer = core(work, size, alone=alone)
        found.append([parameter.grad.clone() for parameter in keeping.model.parameters()])
        return answer

    step = training.step

    def stepping(recipe, run, model, *rest):
        keeping.model = model
        return step(recipe, run, model, *rest)

    monkeypatch.setattr(training, "with_fewer_at_once", keeping)
    monkeypatch.setattr(training, "step", stepping)
    trained = train(nano_recipe(tmp_path, model=TINY, epochs=1), out=tmp_path / name, packs=tmp_path / "packs")
    return found, trained.history[0]


def fitting(real, most):
    """Memory runs out in the midst of the second part, when the first has added its gradients and its hits already."""

    def work(run, model, batch, size, *rest):
        if size > most:
            real(run, model, batch.part(0, max(len(batch.index) // 2, 1)), size, *rest)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(run, model, batch, size, *rest)

    return work


def test_gradients_and_log_are_those_of_the_whole_batch(tmp_path, monkeypatch, capfd):
    without_norm(monkeypatch)
    with monkeypatch.context() as patched:
        whole, row = gradients_of(tmp_path, patched, "whole", 8)
    halved, other = gradients_of(tmp_path, monkeypatch, "halved", 2)
    assert "Memory did not suffice: 2 people at once" in " ".join(capfd.readouterr().err.split())
    assert len(whole) == len(halved) == 3
    for one, two in zip(whole[0], halved[0], strict=True):  # of the same weights: later steps grow apart by rounding
        assert (one - two).abs().max() <= 1e-6 * max(1.0, float(one.abs().max()))
    assert {key: other[key] for key in row} == pytest.approx(row, rel=1e-4)


def test_the_size_is_kept_for_a_resumed_run(tmp_path, monkeypatch):
    without_norm(monkeypatch)
    gradients_of(tmp_path, monkeypatch, "run", 2)
    assert training.load_checkpoint(tmp_path / "run")[1]["micro_batch"] == 2


def test_the_cache_is_emptied_where_there_is_one(monkeypatch):
    emptied = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(memory.torch.cuda, "empty_cache", lambda: emptied.append(1))
    with_fewer_at_once(holding(2, []), 4, alone=True)
    assert emptied == [1]
