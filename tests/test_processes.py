import pytest
import torch

from glasspose.processes import _leave, launch


@pytest.fixture
def _alone(monkeypatch):
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_alone")
def test_one_process_agrees_with_itself():
    fabric = launch(device="cpu")
    value = torch.arange(3.0)
    assert (fabric.world_size, fabric.global_rank, fabric.is_global_zero, fabric.device.type) == (1, 0, True, "cpu")
    assert torch.equal(fabric.all_reduce(value, reduce_op="sum"), value)
    assert torch.equal(fabric.all_gather(value), value)
    assert torch.equal(fabric.broadcast(value), value)
    fabric.barrier()
    _leave()
    assert not torch.distributed.is_initialized()


@pytest.mark.usefixtures("_alone")
def test_precision_is_that_of_the_recipe():
    model = torch.nn.Linear(4, 4)
    outputs = {name: launch(name, device="cpu").setup(model)(torch.ones(1, 4)) for name in ("32-true", "bf16-mixed")}
    assert outputs["32-true"].dtype == torch.float32
    assert not torch.equal(outputs["32-true"], outputs["bf16-mixed"].float())


@pytest.mark.usefixtures("_alone")
def test_one_started_by_torchrun_is_one(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert launch(device="cpu").world_size == 1
