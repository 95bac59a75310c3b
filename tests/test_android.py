"""The Android sample's core in Java says what Python says, on a Java machine; its app asks for the camera and nothing else."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch

from android_declarations_for_tests import write_declarations
from glasspose.data.loading import normalise

ROOT = Path(__file__).parents[1] / "android"
CORE, APP = ROOT / "core/src", ROOT / "app/src/main"
NAMESPACE = "{http://schemas.android.com/apk/res/android}"
JARS = ("gson.jar", "junit4.jar", "hamcrest.jar")
JAR_FOLDER = Path(os.environ.get("GLASSPOSE_JARS", "/usr/share/java"))
"""Where Debian's packages libgoogle-gson-java and junit4 put them."""
TESTS = [f"org.glasspose.core.{path.stem}" for path in sorted(CORE.glob("test/java/org/glasspose/core/*Test.java"))]


@pytest.fixture(scope="module")
def jars():
    """The class path of what the core and its tests need."""
    missing = [name for name in ("javac", "java") if shutil.which(name) is None] + [name for name in JARS if not (JAR_FOLDER / name).exists()]
    if missing:
        install = "apt-get install default-jdk-headless junit4 libgoogle-gson-java"
        pytest.skip(f"{', '.join(missing)} not here: the Java core of the Android sample is NOT tested ({install})")
    return os.pathsep.join(str(JAR_FOLDER / name) for name in JARS)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """What Python says."""
    pytest.importorskip("glasspose.exporting.cards", reason="no exporter, no sidecar")
    sys.path.insert(0, str(ROOT))
    try:
        import vectors
    finally:
        sys.path.remove(str(ROOT))
    path = tmp_path_factory.mktemp("android") / "vectors.json"
    made = vectors.vectors()
    path.write_text(vectors.json.dumps(made))
    return path, made, vectors.predictor()


def compiled(jars, sources, into):
    """Class files; javac's warnings are errors."""
    files = [str(path) for path in sorted(sources.rglob("*.java"))]
    command = ["javac", "-J-XX:TieredStopAtLevel=1", "-Xlint:all", "-Werror", "--release", "17", "-encoding", "UTF-8", "-cp", jars, "-d", str(into)]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return into


def junit(jars, classes, vectors):
    """JUnit's exit code and its report."""
    command = ["java", "-XX:TieredStopAtLevel=1", "-Xmx512m", f"-Dvectors={vectors}", "-cp", os.pathsep.join([jars, str(classes)])]
    done = subprocess.run([*command, "org.junit.runner.JUnitCore", *TESTS], capture_output=True, text=True, timeout=200)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def report(jars, vectors, tmp_path_factory):
    """Of the core as it stands."""
    return junit(jars, compiled(jars, CORE, tmp_path_factory.mktemp("classes")), vectors[0])


@pytest.mark.slow
def test_java_says_what_python_says(report):
    code, text = report
    assert code == 0, text
    counted = sum(path.read_text().count("@Test") for path in CORE.rglob("*Test.java"))
    assert f"OK ({counted} tests)" in text
    assert counted >= 18


@pytest.mark.slow
def test_the_network_answers_javas_crops_as_pythons(report, vectors):
    path, made, predictor = vectors
    assert report[0] == 0
    crops = np.frombuffer(path.with_name("vectors.json.crops").read_bytes(), np.uint8).reshape(-1, 128, 128, 3)
    steps = [step for case in made["passes"] for step in case["steps"]]
    assert len(crops) == len(steps) == 12
    keypoints, scores = predictor.network.keypoints(normalise(torch.from_numpy(crops.copy())), flip_test=True)
    wanted, heights = (np.array([step[name] for step in steps]) for name in ("keypoints", "scores"))
    seen = heights >= np.array(predictor.calibration.seen)
    assert seen.sum() > 60
    assert np.abs(keypoints.numpy() - wanted)[seen].max() <= 0.05
    assert np.abs(scores.numpy() - heights).max() <= 1e-3


@pytest.mark.slow
def test_the_pictures_show_what_the_rules_tell_apart(vectors):
    """A portrait, nobody, and somebody whose legs are seen: else the Java tests compare nothing."""
    passes = vectors[1]["passes"]
    found = [len(case["person_scores"]) for case in passes]
    assert found[:3] == [1, 1, 0]
    assert sum(found) >= 4
    ratios = [case["steps"][1]["box"][2] - case["steps"][1]["box"][0] for case in passes]
    assert ratios[0] > 600  # a portrait, framed as if the body went on
    assert any(sum(case["people"]["seen"][0][:6]) >= 2 for case in passes if case["person_scores"])


MUTANTS = {
    "the pixel centre by half": ("Affine.java", "sx * x + width / 2.0 - 0.5", "sx * x + width / 2.0", "pointsMoveAsInPython"),
    "no averaging before shrinking": ("Warp.java", "if (shrink >= 2)", "if (shrink >= 20)", "cropsHoldWhatPythonCutsOut"),
    "left and right not exchanged": ("Heatmaps.java", "(flip[k] * height", "(k * height", "mapsAreAveraged"),
    "DARK's step the other way": ("Heatmaps.java", "dxy * dy - dyy * dx", "dyy * dx - dxy * dy", "mapsAreAveraged"),
    "portraits framed as people": ("PoseFinder.java", "portrait ? rule.portraitMargin() : rule.margin()", "rule.margin()", "theSecondPassIsFramed"),
    "a threshold left out": ("PoseFinder.java", "inside && scores[k] >= share", "inside && scores[k] >= 0 * share", "theSecondPassIsFramed"),
    "red for blue": ("Yuv.java", "luma + 1.402 * red", "luma + 1.402 * blue", "cameraFrames"),
    "the other quarter turn": (
        "Picture.java",
        "case 90 -> turned(height, width, true, false)",
        "case 90 -> turned(height, width, true, true)",
        "cameraFrames",
    ),
    "any file for the model": ("Sidecar.java", "contents.length != file.bytes() || ", "false && ", "aFileThatIsAnother"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_in_java_is_noticed(jars, vectors, tmp_path, name):
    file, old, new, test = MUTANTS[name]
    shutil.copytree(CORE, tmp_path / "src")
    broken = tmp_path / "src/main/java/org/glasspose/core" / file
    text = broken.read_text()
    assert text.count(old) == 1
    broken.write_text(text.replace(old, new))
    code, told = junit(jars, compiled(jars, tmp_path / "src", tmp_path / "classes"), vectors[0])
    assert code == 1
    assert re.search(rf"\d+\) {test}", told), told


@pytest.mark.slow
def test_the_app_fits_the_core_and_the_classes_it_was_written_for(jars, tmp_path):
    for source in (CORE / "main", APP):
        shutil.copytree(source / "java", tmp_path / "src", dirs_exist_ok=True)
    write_declarations(tmp_path / "src", APP / "res/values/strings.xml")
    assert (compiled(jars, tmp_path / "src", tmp_path / "classes") / "org/glasspose/sample/CameraActivity.class").exists()


def test_the_core_knows_nothing_of_android():
    for path in (CORE / "main").rglob("*.java"):
        used = set(re.findall(r"^import (?:static )?([a-z]+\.[a-z]+)", path.read_text(), re.MULTILINE))
        assert used <= {"java.util", "java.nio", "java.io", "java.security", "com.google"}, path
        assert "android." not in path.read_text()


def manifest():
    return ElementTree.parse(APP / "AndroidManifest.xml").getroot()


def test_the_app_asks_for_the_camera_and_nothing_else():
    asked = [element for element in manifest().iter() if "permission" in element.tag and not element.get("{http://schemas.android.com/tools}node")]
    assert [element.get(f"{NAMESPACE}name") for element in asked] == ["android.permission.CAMERA"]


def test_permissions_that_libraries_would_add_are_taken_out():
    removed = {
        element.get(f"{NAMESPACE}name")
        for element in manifest().iter("uses-permission")
        if element.get("{http://schemas.android.com/tools}node") == "remove"
    }
    assert {"android.permission.INTERNET", "android.permission.ACCESS_NETWORK_STATE"} <= removed


def test_nothing_is_backed_up_and_nobody_else_is_called():
    application = manifest().find("application")
    assert application.get(f"{NAMESPACE}allowBackup") == "false"
    assert [element.tag for element in application] == ["activity"]
    network = re.compile(r"java\.net|javax\.net|HttpURLConnection|Socket|WebView|okhttp|DownloadManager|FileOutputStream\(.*sdcard")
    for path in [*APP.rglob("*.java"), *(CORE / "main").rglob("*.java")]:
        assert not network.search(path.read_text()), path


def test_nothing_is_taught_on_the_phone():
    """The page says so, and neither the app nor the core has what it would need."""
    page = (ROOT.parent / "docs/android.md").read_text()
    assert "A phone cannot train these networks" in page
    for path in [*APP.rglob("*.java"), *(CORE / "main").rglob("*.java")]:
        assert not re.search(r"TrainingModule|executorch\.training|\bSGD\b|backward", path.read_text()), path


def test_gradle_brings_no_binary_and_no_address():
    files = [path for path in ROOT.rglob("*") if path.is_file() and "assets" not in path.parts and "__pycache__" not in path.parts]
    assert not [path for path in files if path.suffix in (".jar", ".aar", ".so", ".pte", ".class")]
    for path in (*ROOT.rglob("*.gradle"), *ROOT.rglob("*.properties")):
        assert not re.search(r"https?://", path.read_text()), path
