import numpy as np
import pytest

from glasspose.errors import UsageError
from glasspose.metrics import head_size, pckh_table
from glasspose.skeletons import MPII


def table_with_wrong(*wrong):
    """Ten people of head size 10, all of whose keypoints are right but the named ones."""
    apart = np.zeros((10, 16))
    apart[:, [MPII.index(name) for name in wrong]] = 5.01
    return pckh_table(apart, np.ones((10, 16), bool), np.full(10, 10.0))


def test_head_size_is_0_6_times_the_diagonal():
    assert head_size(np.array([[10.0, 20.0, 40.0, 60.0], [5.0, 5.0, 5.0, 5.0]])).tolist() == [30.0, 0.0]


def test_a_group_is_the_mean_of_left_and_right():
    table = table_with_wrong("left_wrist", "head_top")
    assert table.row == {"Head": 0.0, "Sho": 1.0, "Elb": 1.0, "Wri": 0.5, "Hip": 1.0, "Kne": 1.0, "Ank": 1.0, "Mean": 12 / 14}


def test_pelvis_and_thorax_count_in_the_pooled_mean_alone():
    table = table_with_wrong("pelvis", "thorax")
    assert (table.row["Mean"], table.official.micro, table.all_joints.micro) == (1.0, 1.0, 14 / 16)


def test_upper_neck_counts_in_the_mean_but_has_no_column():
    row = table_with_wrong("upper_neck").row
    assert row == dict.fromkeys(["Head", "Sho", "Elb", "Wri", "Hip", "Kne", "Ank"], 1.0) | {"Mean": 13 / 14}


def test_plain_and_weighted_means_differ_where_joints_are_missing():
    apart, counted = np.zeros((4, 16)), np.ones((4, 16), bool)
    apart[:, MPII.index("left_ankle")] = 99.0
    counted[1:, MPII.index("left_ankle")] = False
    table = pckh_table(apart, counted, np.full(4, 10.0))
    assert (table.row["Mean"], table.official.micro) == (13 / 14, 52 / 53)
    assert table.row["Ank"] == 0.5


def test_a_joint_that_nobody_has_leaves_its_group_to_the_other_side():
    counted = np.ones((4, 16), bool)
    counted[:, [MPII.index("left_knee"), MPII.index("head_top")]] = False
    row = pckh_table(np.zeros((4, 16)), counted, np.full(4, 10.0)).row
    assert (row["Kne"], row["Head"], row["Mean"]) == (1.0, None, 1.0)


def test_other_skeletons_are_refused():
    with pytest.raises(UsageError, match=r"MPII's 16 joints.*\(2, 14\)"):
        pckh_table(np.zeros((2, 14)), np.ones((2, 14), bool), np.ones(2))
