import json
from pathlib import Path

import pytest
import torch

from glasspose.__main__ import main
from glasspose.benchmarks import folder, gpu, reports
from glasspose.benchmarks.catalogue import BENCHMARKS, CLOCKS, ON_GPUS, benchmark, clock_of
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.reports import kept, save, table

pytestmark = pytest.mark.usefixtures("one_thread")
DOCS = Path(__file__).parents[2] / "docs"
FRESH = ("predict", "engines", "int8", "startup", "processes", "growth", "profile", "memory")
"""Those that begin processes or take longer."""


def bench(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["bench", *arguments])
    return end.value.code


def test_quick_runs_leave_json_and_a_plot(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("GLASSPOSE_DATA", raising=False)
    names = [name for name in BENCHMARKS if name not in (*FRESH, *ON_GPUS)]
    assert bench(*names, "--quick", "--out", str(tmp_path)) == 0
    assert "DIFFERENT" not in capsys.readouterr().out
    for name in names:
        told = json.loads((tmp_path / f"{name}.json").read_text())
        assert (told["format"], told["name"], told["clock"]) == ("glasspose.benchmark", name, "CPU time")
        assert told["machine"]["cores"] >= 1
        assert all(row["ratio"]["median"] > 0 and row["ratio"]["rounds"] == 2 for row in told["rows"])
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG")
    assert [row["name"] for row in kept(tmp_path)] == sorted((row["name"] for row in kept(tmp_path)), key=list(BENCHMARKS).index)
    assert table(tmp_path).count("\n") == 2 + len(kept(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", FRESH)
def test_quick_runs_of_those_that_begin_processes(tmp_path, name):
    assert bench(name, "--quick", "--out", str(tmp_path)) == 0
    assert json.loads((tmp_path / f"{name}.json").read_text())["rows"]


@pytest.mark.slow
def test_predict_says_how_long_a_picture_takes(tmp_path):
    """Milliseconds a picture, of ours and of the plain loop: what the ratio is made of."""
    assert bench("predict", "--quick", "--out", str(tmp_path)) == 0
    row = json.loads((tmp_path / "predict.json").read_text())["rows"][0]
    latency = row["more"]["ms a picture"]
    assert set(latency) == {"plain", "ours"}
    assert all(1 < value < 60_000 for value in latency.values())
    assert latency["plain"] / latency["ours"] == pytest.approx(row["ratio"]["median"], rel=0.3)


def test_a_name_that_is_none(capsys):
    assert bench("tragets") == 2
    assert "targets" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_benchmark_says_so(tmp_path, capsys):
    assert bench("gpu", "--quick", "--out", str(tmp_path)) == 6
    assert "no CUDA GPU" in capsys.readouterr().err


def test_a_gpu_is_asked_whether_it_waits_and_what_compiling_gains():
    seconds = {"loader": [2.0, 2.0], "device": [1.0, 1.0], "compiled": [0.5, 0.8]}
    rows = gpu._rows(1, seconds, {"loader": 0.5, "device": 0.9, "compiled": 0.8}, 20)
    busy, faster = (next(row for row in rows if word in row.baseline) for word in ("GPU busy", "compiled"))
    assert (busy.ratio.median, busy.goal, busy.reached) == (0.9, 0.95, False)
    assert (faster.ratio.median, faster.goal, faster.reached) == (1.625, 1.3, True)


def test_every_name_leads_to_a_function():
    assert all(callable(benchmark(name)) for name in BENCHMARKS)


def test_the_clock_of_a_kept_result_is_the_one_it_was_measured_by():
    assert set(CLOCKS) <= set(BENCHMARKS)
    for path in (DOCS / "results/bench").glob("*/*.json"):
        told = json.loads(path.read_text())
        assert told["clock"] == clock_of(told["name"], Options(threads=told["threads"])), path.name


@pytest.mark.parametrize("name", ["processes", "gpu", "targets"])
def test_what_is_measured_by_the_wall_says_so(name, tmp_path):
    """The trainers of `processes` and the steps of `gpu` are timed by time.perf_counter on any number of threads."""
    save(tmp_path, name, Options(threads="one"), [])
    assert json.loads((tmp_path / f"{name}.json").read_text())["clock"] == ("CPU time" if name == "targets" else "wall time")


def test_growth_has_a_plot_that_names_every_slope(tmp_path, monkeypatch):
    """The committed measurement, drawn again."""
    rows = json.loads((DOCS / "results/bench/two-cpu-cores/growth.json").read_text())["rows"]
    drawn = []
    monkeypatch.setattr(reports, "png_of", lambda figure: drawn.append(figure) or b"png")
    assert reports.growth_plot(rows) == b"png"
    axes = drawn[0].axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"{work}, slope {row['more']['exponent of the three largest']:.2f}"
        for work, row in zip(("data pack", "evaluate", "explain latent"), rows, strict=True)
    ]
    assert [list(line.get_ydata()) for line in axes.lines] == [row["more"]["seconds"] for row in rows]


def test_every_walk_over_a_folder_has_a_cache_of_its_own(tmp_path, monkeypatch):
    """So that each one pays for its export, as a first run does."""
    seen = []

    def told(command, threads, more):
        seen.append(more["GLASSPOSE_CACHE"])
        assert list(Path(seen[-1]).iterdir()) == []
        return "{}"

    monkeypatch.setattr(folder, "told_by", told)
    for number in range(2):
        folder.told("ours", tmp_path, tmp_path / str(number), Options())
    assert len(set(seen)) == 2


def test_the_table_of_the_docs_is_that_of_the_results():
    """Make it again with docs/make.py after measuring."""
    text = (DOCS / "performance.md").read_text()
    assert text.split("<!-- ratios -->\n")[1] == table(DOCS / "results/bench/two-cpu-cores")
