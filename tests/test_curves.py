import cv2
import pytest

from glasspose import curves
from glasspose.curves import save_curves

SERIES = [(part, name, s) for part in ("train", "validation") for name in ("loss", "pck") for s in (0, 1)]
ROWS = [
    {
        "epoch": e,
        "rate": 1e-3,
        "train/zero_loss": 0.5,
        **{f"{part}/{name}/stack{s}": (0.4 + s / 10) / e + 0.1 * (part == "validation") for part, name, s in SERIES},
    }
    for e in range(1, 7)
]


@pytest.fixture
def drawn(monkeypatch):
    kept = []
    monkeypatch.setattr(curves, "png_of", lambda figure: kept.append(figure) or b"")
    return kept


def test_every_stack_has_a_panel_of_losses_and_one_of_scores(drawn, tmp_path):
    save_curves(tmp_path / "curves.png", ROWS, ROWS[3], "run")
    figure = drawn[0]
    assert [axes.get_title() for axes in figure.axes] == ["loss, stack 1", "loss, stack 2", "PCK@0.2, stack 1", "PCK@0.2, stack 2"]
    train, validation, *_ = figure.axes[1].get_lines()
    assert list(train.get_ydata()) == [row["train/loss/stack1"] for row in ROWS]
    assert list(validation.get_ydata()) == [row["validation/loss/stack1"] for row in ROWS]
    for axes in figure.axes:
        assert [4, 4] in [list(line.get_xdata()) for line in axes.get_lines()], "the best epoch is marked"
    assert "best epoch 4" in figure.get_suptitle()


def test_the_picture_is_the_same_bits_and_can_be_read(tmp_path):
    for name in ("a", "b"):
        save_curves(tmp_path / f"{name}.png", ROWS, ROWS[3], "run")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert cv2.imread(str(tmp_path / "a.png")).shape[1] > 500


def test_rows_without_scores_have_losses_alone(drawn, tmp_path):
    rows = [{key: value for key, value in row.items() if "pck" not in key and "zero" not in key} for row in ROWS]
    save_curves(tmp_path / "curves.png", rows, rows[0], "the autoencoder alone")
    assert len(drawn[0].axes) == 2
