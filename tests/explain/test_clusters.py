import json

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, silhouette_score

from explain.turning_for_tests import coloured_sample, turning
from glasspose import explain
from glasspose.__main__ import main
from glasspose.configs.codecs import Heatmap
from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import Autoencoder, Hourglass
from glasspose.explain import associating, clusters, grouping, projecting
from glasspose.explain.associating import associations, correlations
from glasspose.explain.attributes import Attribute, of_pose
from glasspose.explain.cards import error_kinds
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.grouping import grouped, ordered, six_clusters
from glasspose.explain.principal import components_for, dimension, halves, participation, principal
from glasspose.explain.subject import Told, subject
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def quick(monkeypatch):
    """Fewer repetitions: p values cannot fall below 0.01, so that nothing is called a cluster."""
    for name, value in (("NULLS", 6), ("FITS", 4)):
        monkeypatch.setattr(grouping, name, value)
    monkeypatch.setattr(associating, "PERMUTATIONS", 10)
    monkeypatch.setattr(grouping, "KMeans", lambda k, n_init=1, **more: KMeans(k, n_init=1, **more))


def test_components_are_those_of_scikit_learn():
    rows = np.random.default_rng(0).normal(size=(30, 50)) * np.linspace(3, 0.1, 50)
    own, oracle = principal(rows), PCA().fit(rows)
    assert own.variances == pytest.approx(oracle.explained_variance_[:29])
    assert np.abs((own.axes * oracle.components_[:29]).sum(1)) == pytest.approx(np.ones(29))
    assert own.scores == pytest.approx(own.project(rows), abs=1e-9)


def test_components_are_counted_not_indexed():
    assert components_for(np.array([96.0, 4.0])) == 1
    assert components_for(np.array([50.0, 45.0, 5.0])) == 2
    assert components_for(np.full(100, 1.0)) == 95


@pytest.mark.parametrize(("variances", "expected"), [([1, 1, 1, 1], 4), ([5], 1), ([4, 0, 0], 1)])
def test_participation_counts_equal_directions(variances, expected):
    assert participation(np.array(variances, float)) == pytest.approx(expected)


def test_the_interval_of_dimensions_is_around_the_count_and_repeats_nobody():
    rows = np.random.default_rng(0).normal(size=(100, 12))
    found = dimension(rows)
    low, high = found.components_interval
    assert low <= found.components == 11 <= high + 0.5
    assert all(len(set(half)) == 50 for half in halves(100))


@pytest.mark.slow
def test_six_clusters_and_none_of_a_box():
    checks = grouping.selftest_clusters()
    assert [check.passed for check in checks] == [True, True]


def test_a_pipeline_without_nulls_finds_clusters_everywhere_and_the_self_test_says_so(monkeypatch):
    monkeypatch.setattr(grouping, "NULLS", 2)
    monkeypatch.setattr(grouping, "STABLE", -1.0)
    monkeypatch.setattr(grouping, "LEVEL", 1.1)
    assert grouping.selftest_clusters()[1].passed is False


def test_silhouettes_of_many_people_are_those_of_some_of_them(monkeypatch):
    """Close to those of all, and no pair beyond them is looked at."""
    six = six_clusters(np.random.default_rng(0), 600)[1]
    points = principal(six).scores
    whole = grouping.by_silhouette(points, ks=(2, 6))
    assert whole[6] == pytest.approx(silhouette_score(points, KMeans(6, n_init=10, max_iter=1000, random_state=0).fit_predict(points)))
    monkeypatch.setattr(grouping, "MOST_APART", 150)
    some = grouping.by_silhouette(points, ks=(2, 6))
    assert grouping._Apart(points).distances.shape == (150, 150)
    assert [some[k] for k in (2, 6)] == pytest.approx([whole[k] for k in (2, 6)], abs=0.05)
    assert some != whole


def test_clusters_do_not_depend_on_the_order_of_people(monkeypatch):
    monkeypatch.setattr(grouping, "NULLS", 2)
    truth, points = six_clusters(np.random.default_rng(1), 90)
    found = grouped(points, ks=(6,), fits=3)
    assert adjusted_rand_score(truth, found.labels) > 0.95
    assert [points[found.labels == i, 0].mean() for i in range(6)] == sorted(points[found.labels == i, 0].mean() for i in range(6))
    assert (ordered(5 - found.labels, points) == found.labels).all()


def attribute(values, name="a"):
    return Attribute(name=name, values=values, known=np.ones(len(values), bool), unit="")


def test_groups_go_with_what_made_them_and_with_nothing_else():
    rng = np.random.default_rng(0)
    labels, scale = np.repeat([0, 1], 60), rng.normal(size=120)
    made = associations(labels, [attribute(labels + 0.1 * rng.normal(size=120)), attribute(rng.normal(size=120), "noise")], scale)
    assert made[0].p < 0.01
    assert made[0].ami > 0.4
    assert made[0].partial_p < 0.01
    assert made[1].p > 0.05
    assert abs(made[1].ami) < 0.1


def test_the_information_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, values = rng.integers(3, size=90), attribute(rng.normal(size=90))
    (found,) = associations(labels, [values], rng.normal(size=90))
    assert found.ami == pytest.approx(adjusted_mutual_info_score(values.binned(), labels), abs=1e-9)


def test_labels_are_exchanged_within_a_stratum_alone():
    labels, strata = np.repeat([0, 1, 0, 1], [20, 5, 3, 30]), np.repeat([0, 1], [25, 33])
    mixed = associating._exchanged(labels, strata, np.random.default_rng(0))
    assert [mixed[strata == i].sum() for i in (0, 1)] == [5, 30]
    assert (mixed != labels).any()


def test_what_goes_with_groups_through_scale_alone_does_not_within_a_scale():
    rng = np.random.default_rng(0)
    scale = rng.uniform(size=400)
    labels = (scale > 0.6).astype(int)
    found = associations(labels, [attribute(scale + 0.3 * rng.normal(size=400), "big"), attribute(scale, "size")], scale)
    assert found[0].p < 0.01 < 0.05 < found[0].partial_p
    assert found[1].partial_ami is None


@pytest.mark.slow
def test_of_100_runs_with_permuted_attributes_at_most_10_find_anything(monkeypatch):
    monkeypatch.setattr(associating, "PERMUTATIONS", 200)
    found = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        attributes = [attribute(rng.normal(size=60), name) for name in ("a", "b", "c", "size")]
        labels, scores = rng.integers(2, size=60), rng.normal(size=(60, 3))
        made = associations(labels, attributes, rng.normal(size=60), seed)
        least = min(p for one in made for p in (one.p, one.partial_p or 1.0))
        found += min(least, correlations(scores, attributes, seed, permutations=200)[1].min()) <= 0.05
    assert found <= 10


def test_attributes_of_known_poses():
    pose = np.zeros((1, 14, 2))
    at = {name: LSP.index(name) for name in LSP.keypoints}
    for name, place in {"left_shoulder": (6, 0), "right_shoulder": (-6, 0), "left_hip": (4, 20), "right_hip": (-4, 20)}.items():
        pose[0, at[name]] = place
    for side, x in (("left", 5), ("right", -5)):
        pose[0, [at[f"{side}_elbow"], at[f"{side}_wrist"]]] = (2 * x, 0), (3 * x, 0)
        pose[0, [at[f"{side}_knee"], at[f"{side}_ankle"]]] = (x, 40), (x + 20, 40)
    pose[0, at["left_elbow"]], pose[0, at["right_elbow"]] = (16, 0), (-16, 0)
    pose[0, at["left_knee"]], pose[0, at["right_knee"]] = (4, 40), (-4, 40)
    pose[0, at["left_ankle"]], pose[0, at["right_ankle"]] = (24, 40), (16, 40)

    def all_of(poses):
        return {a.name: a.values[0] for a in of_pose(np.concatenate([poses, poses]), np.ones((2, 14), bool), LSP)}

    upright = all_of(pose)
    assert upright == pytest.approx({"facing": upright["facing"], "lean": 0, "arms": 90, "hips": 0, "knees": 90}, abs=1e-4)
    assert upright["facing"] > 0
    turned = all_of(pose @ np.array([[0.0, 1.0], [-1.0, 0.0]]))
    assert turned == pytest.approx({**upright, "lean": 90}, abs=1e-4)
    assert all_of(pose * [-1, 1])["facing"] == pytest.approx(-upright["facing"])


def test_every_counted_keypoint_is_of_one_kind():
    sample = coloured_sample(4)
    told = sample.keypoints.copy()
    told[0, [0, 5]] = told[0, [5, 0]]
    told[1, 0] += [6, 0]
    told[2, 0] += [600, 0]
    kinds = error_kinds(Told(keypoints=told, scores=np.ones((4, 14))), sample)
    assert sum(kind.astype(int) for kind in kinds.values()).tolist() == [[1] * 14] * 4
    assert kinds["twin"][0, [0, 5]].all()
    assert kinds["near"][1, 0]
    assert kinds["miss"][2, 0]
    assert kinds["good"].sum() == 56 - 4


def test_controls_fail_for_a_pipeline_that_sees_clusters_everywhere_or_nowhere(monkeypatch, quick):
    monkeypatch.setattr(clusters, "draw_sample", lambda *_: coloured_sample(40))
    seen = clusters.looked(turning(), DrawnPeople(), 40, 0, None, lambda *_: None)
    monkeypatch.setattr(grouping, "STABLE", 2.0)
    assert [check.passed for check in clusters._controls(seen, 0)] == [False, True]
    monkeypatch.setattr(grouping, "STABLE", -1.0)
    monkeypatch.setattr(grouping, "LEVEL", 1.1)
    assert clusters._controls(seen, 0)[1].passed is False


@pytest.mark.slow
def test_clusters_that_were_there_before_training_are_no_finding(monkeypatch):
    monkeypatch.setattr(grouping, "NULLS", 120)
    sample = coloured_sample(60)
    sample.pixels[:30] //= 4
    monkeypatch.setattr(clusters, "draw_sample", lambda *_: sample)
    seen = clusters.looked(turning(), DrawnPeople(), 60, 0, None, lambda *_: None)
    found = grouped(seen.points, ks=(2, 3), fits=5)
    assert found.clusters
    check = clusters._untrained_check(seen, found, 0)
    assert (check.passed, check.value) == (False, 1.0)


def test_a_map_that_scatters_people_and_an_axis_that_does_not_come_back_fail(monkeypatch, quick):
    monkeypatch.setattr(clusters, "draw_sample", lambda *_: coloured_sample(40))
    seen = clusters.looked(turning(), DrawnPeople(), 40, 0, None, lambda *_: None)
    assert clusters._map_check(projecting.maps(seen.points)).passed
    monkeypatch.setattr(projecting, "tsne", lambda points, seed: np.random.default_rng(seed).normal(size=(len(points), 2)))
    assert clusters._map_check(projecting.maps(seen.points)).passed is False
    assert clusters._halves_check(seen, 0).passed
    noise = principal(np.random.default_rng(0).normal(size=(40, 200)))
    monkeypatch.setattr(type(seen), "found", noise, raising=False)
    object.__setattr__(seen, "found", noise)
    assert clusters._halves_check(seen, 0).passed is False


@pytest.mark.slow
def test_two_networks_side_by_side_on_the_same_people(nano_weights, tmp_path, quick):
    data = DrawnPeople(count=24, folder=tmp_path)
    made = explain.latent(nano_weights, data, n=20, against=subject(nano_weights).network)
    assert made.numbers["against"]["dimensions"] == made.numbers["dimensions"]
    assert made.numbers["against"]["components_more_here"] == 0
    assert {row[0] for row in made.tables[0].rows} == {"nano", "network"}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_json(nano_weights, tmp_path, quick):
    data = DrawnPeople(count=24, folder=tmp_path)
    one, same, other = (json.dumps(explain.latent(nano_weights, data, n=18, seed=seed).to_json()) for seed in (1, 1, 2))
    assert one == same != other
    assert json.loads(one)["answer"].startswith("No clusters in stack1.bottleneck")


def test_where_it_does_not_apply(nano_weights, tmp_path):
    data = DrawnPeople(count=24, folder=tmp_path)
    with pytest.raises(NotApplicableError, match=r"no place 'stack9'"):
        explain.latent(nano_weights, data, at="stack9")
    with pytest.raises(NotApplicableError, match="4 people"):
        explain.latent(nano_weights, data, n=4)
    network = turning()
    network.model.taps = lambda: {"stem": network.model.skip}
    with pytest.raises(NotApplicableError, match="has no bottleneck"):
        explain.latent(network, data)


def test_the_command(nano_weights, tmp_path, monkeypatch, capsys, quick):
    monkeypatch.chdir(tmp_path)
    data = ["--data.kind", "drawn_people", "--data.count", "20", "--data.folder", "drawn"]
    with pytest.raises(SystemExit) as end:
        main(["explain", "latent", str(nano_weights), *data, "--n", "20", "--strict"])
    printed = capsys.readouterr().out
    assert end.value.code == (4 if "NOT FAITHFUL" in printed else 0)
    assert "No clusters in stack1.bottleneck" in printed
    made = {path.name for path in (tmp_path / "glasspose-out/explain").iterdir()}
    assert {"latent.json", "latent-groups.csv", "latent-variance.png", "latent-maps.png", "latent-skeletons.png", "latent-groups.png"} <= made


@pytest.fixture
def squeezed():
    """An hourglass with a code of eight numbers in its middle, which has learnt nothing."""
    torch.manual_seed(0)
    model = Hourglass(input_size=(64, 64), channels=16, depth=2, stacks=1, autoencoder=Autoencoder(code=8))
    return PoseNetwork(model, Heatmap(), LSP).eval()


def test_where_there_is_an_autoencoder_its_code_is_looked_at(nano_weights, squeezed, tmp_path, quick):
    made = explain.latent(squeezed, DrawnPeople(count=22, folder=tmp_path), n=20, against=nano_weights)
    assert made.provenance.asked["place"] == "stack0.code"
    assert made.numbers["dimensions"]["stack0.code"]["numbers"] == 8
    assert {"stack0.bottleneck", "stack0.code"} <= set(made.numbers["dimensions"])
    assert made.numbers["against"]["place"] == "stack1.bottleneck"
    assert made.numbers["against"]["components_more_here"] < 0
