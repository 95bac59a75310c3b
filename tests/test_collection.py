"""Collections of pictures: the same answers as `predict`, resumed by shard, bad files listed; two nodes, of which one is killed."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from glasspose import collection, spreading, training
from glasspose.collection import predict_collection
from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.errors import MissingError, UsageError
from glasspose.explain import spread as far
from glasspose.explain.clusters import looked
from glasspose.explain.subject import silent
from glasspose.prediction import load
from glasspose.spreading import Machines, WorkerError, spread
from recipes_for_tests import nano_recipe

pytest.importorskip("ray", reason="SKIPPED LOUDLY: Ray is not installed")
parquet = pytest.importorskip("pyarrow.parquet", reason="SKIPPED LOUDLY: pyarrow is not installed")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def pictures(tmp_path):
    """Twelve, and one that is none."""
    for person in read(DrawnPeople(count=12, folder=tmp_path / "drawn")).annotations:
        target = tmp_path / "pictures" / f"{person.image_id:03d}{person.image.suffix}"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(person.image.read_bytes())
    (tmp_path / "pictures" / "bad.jpg").write_bytes(b"no picture")
    return tmp_path / "pictures"


@pytest.fixture
def at_once(monkeypatch):
    """Without Ray: the same tasks, one after the other."""

    def spread_here(make, arguments, tasks, machines):
        work = make(*arguments)
        for number in reversed(range(len(tasks))):  # answers come back in any order
            yield number, work(tasks[number])

    monkeypatch.setattr(collection, "spread", spread_here)


def rows_of(out):
    return [row for path in sorted(out.glob("part-*.parquet")) for row in parquet.read_table(path).to_pylist()]


def test_every_picture_is_one_row_with_the_answer_of_predict(nano_weights, pictures, tmp_path, at_once):
    seen = []
    done = predict_collection(pictures, nano_weights, out=tmp_path / "out", shard=5, progress=lambda *told: seen.append(told))
    rows = rows_of(tmp_path / "out")
    assert [Path(row["image"]).name for row in rows] == sorted(path.name for path in pictures.iterdir())
    assert (done.pictures, [Path(image).name for image, _ in done.failed]) == (13, ["bad.jpg"])
    assert seen[0] == (0, 13)
    assert seen[-1] == (13, 13)
    predictor = load(nano_weights)
    for row in rows[:3]:
        people = predictor.predict(row["image"]).to_json()["people"]
        assert len(row["people"]) == len(people)
        for told, wanted in zip(row["people"], people, strict=True):
            places = [[k["x"], k["y"]] for k in told["keypoints"]]
            assert np.allclose(places, [[k["x"], k["y"]] for k in wanted["keypoints"].values()], atol=0.01)
    assert next(row for row in rows if "bad" in row["image"])["problem"].startswith(str(pictures / "bad.jpg"))


def test_a_run_that_ended_early_goes_on_with_the_shards_that_are_missing(nano_weights, pictures, tmp_path, at_once, monkeypatch):
    predict_collection(pictures, nano_weights, out=tmp_path / "out", shard=4)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("part-*")}
    (tmp_path / "out/part-000001.parquet").unlink()
    (tmp_path / "out/.part-000001.parquet.77.tmp").write_bytes(b"half")
    asked = []
    here = collection.spread
    monkeypatch.setattr(collection, "spread", lambda make, arguments, tasks, machines: here(make, arguments, asked.append(tasks) or tasks, machines))
    done = predict_collection(pictures, nano_weights, out=tmp_path / "out", shard=4)
    assert [len(tasks) for tasks in asked] == [1]
    assert done.found_done == 3
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("part-*")} == whole
    assert not list((tmp_path / "out").glob(".*"))


def test_answers_to_two_questions_are_never_mixed(nano_weights, pictures, tmp_path, at_once):
    predict_collection(pictures, nano_weights, out=tmp_path / "out", shard=4)
    with pytest.raises(UsageError, match="another question: shard differs"):
        predict_collection(pictures, nano_weights, out=tmp_path / "out", shard=5)
    (pictures / "more.jpg").write_bytes(b"")
    with pytest.raises(UsageError, match="another question: pictures, listed differs"):
        predict_collection(pictures, nano_weights, out=tmp_path / "out", shard=4)


def test_without_ray_there_is_a_remedy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingError, match=r"pip install 'glasspose\[ray\]'"):
        list(spread(list, (), [1], Machines()))


def test_latent_is_the_same_whoever_asks(nano_weights, monkeypatch, tmp_path):
    def spread_here(make, arguments, tasks, machines):
        return ((number, make(*arguments)(tasks[number])) for number in reversed(range(len(tasks))))

    monkeypatch.setattr(far, "spread", spread_here)
    monkeypatch.setattr(far, "TASK", 32)
    data = DrawnPeople(count=80, folder=tmp_path / "drawn")
    alone, many = (looked(nano_weights, data, 80, 0, None, silent, machines=machines) for machines in (None, Machines()))
    assert np.array_equal(alone.rows, many.rows)
    assert np.array_equal(alone.told.keypoints, many.told.keypoints)
    assert np.array_equal(alone.told.scores, many.told.scores)


def test_the_cause_is_found_in_a_long_story():
    story = RuntimeError(
        "Something failed\n  File x.py\nValueError: this task is cursed\nray.exceptions.UserCodeException: UDF failed\n\nTo change it, configure `x`."
    )
    assert spreading._last_line(story) == "ValueError: this task is cursed"
    assert spreading._last_line(RuntimeError("plain")) == "plain"
    assert spreading._last_line(RuntimeError()) == "RuntimeError"


def broken():
    def work(task):
        raise ValueError("this task is cursed")

    return work


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_two_nodes_one_of_them_killed_half_way(nano_weights, pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(__file__).parents[1] / name) for name in ("src", "tests")))
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100_000_000})
    other = cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
    killed = []

    def kill(done, total):
        if 2 < done < total and not killed:
            killed.append(done)
            cluster.remove_node(other, allow_graceful=False)

    try:
        alone = predict_collection(pictures, nano_weights, out=tmp_path / "two", shard=1, machines=Machines(address=cluster.address), progress=kill)
        with pytest.raises(WorkerError, match="cursed"):
            list(spread(broken, (), [1], Machines(address=cluster.address)))
    finally:
        cluster.shutdown()
    assert killed
    assert sorted(Path(row["image"]).name for row in rows_of(tmp_path / "two")) == sorted(path.name for path in pictures.iterdir())
    assert alone.pictures == 13
    assert json.loads((tmp_path / "two/collection.json").read_text())["pictures"] == 13


@pytest.mark.slow
def test_torchrun_on_two_nodes(tmp_path):
    """Two launchers that know each other by a port on loopback, one process each, as two machines would be."""
    recipe = nano_recipe(tmp_path)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    training.pack_people(recipe, tmp_path / "packs", training.launch_for(recipe))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    work = ["-m", "glasspose", "train", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "run"), "--packs", str(tmp_path / "packs")]
    nodes = []
    for rank in range(2):
        words = ["--nnodes", "2", "--node-rank", str(rank), "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", str(port), *work]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
        nodes.append(subprocess.Popen([sys.executable, "-m", "torch.distributed.run", *words], env=environment, stderr=subprocess.PIPE, text=True))
    told = [node.communicate(timeout=240)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], told
    rows = list(csv.DictReader((tmp_path / "run/log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == [str(epoch + 1) for epoch in range(recipe.epochs)]
    assert (tmp_path / "run/best.safetensors").exists()
