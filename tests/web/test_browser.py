"""The page in a real browser: it answers as Python does, offline too, with a camera too, and asks nobody else."""

import base64
import json
import shutil
from pathlib import Path

import cv2
import jsonschema
import matplotlib.cbook
import numpy as np
import pytest

from glasspose.images import load_image
from glasspose.prediction import load
from page_for_tests import ROOT, WEIGHTS, answered, browser, built, driving, hosted, opened, saved, served, until

pytestmark = pytest.mark.slow
PORTRAIT = Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "poses.schema.json").read_text())
FARTHEST = 0.5
SIZES = {"desktop-light": ("light", 1280, 900), "desktop-dark": ("dark", 1280, 900), "phone": ("light", 360, 740)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return built(tmp_path_factory.mktemp("site") / "page")


@pytest.fixture(scope="module")
def bare(site, tmp_path_factory):
    """As pip installs it: without runtime and network."""
    folder = tmp_path_factory.mktemp("bare") / "page"
    shutil.copytree(site, folder, ignore=shutil.ignore_patterns("device"))
    return folder


@pytest.fixture(scope="module")
def service(site, tmp_path_factory):
    with served(site, tmp_path_factory.mktemp("log") / "log") as (address, _):
        yield address


@pytest.fixture(scope="module")
def driver():
    with driving() as driver:
        yield driver


@pytest.fixture(scope="module")
def chromium(driver):
    with browser(driver) as started:
        yield started


@pytest.fixture(scope="module")
def predictor():
    return load(WEIGHTS, device="cpu", engine="torch")


def check(told, poses, name):
    """The same people, the same keypoints seen, none of those farther than half a pixel away. Gives the largest shift."""
    jsonschema.validate(told, SCHEMA)
    wanted = poses.to_json(name)
    assert {key: told[key] for key in ("image", "width", "height")} == {key: wanted[key] for key in ("image", "width", "height")}
    assert len(told["people"]) == len(wanted["people"])
    shifts = [0.0]
    for mine, other in zip(told["people"], wanted["people"], strict=True):
        assert list(mine["keypoints"]) == list(other["keypoints"])
        for key, point in mine["keypoints"].items():
            assert point["seen"] == other["keypoints"][key]["seen"], key
            assert abs(point["score"] - other["keypoints"][key]["score"]) < 0.02
            if point["seen"]:
                shifts.append(np.hypot(point["x"] - other["keypoints"][key]["x"], point["y"] - other["keypoints"][key]["y"]))
    assert max(shifts) <= FARTHEST, shifts
    return max(shifts)


def test_an_uploaded_picture_in_the_browser_and_on_the_server(chromium, service, predictor):
    wanted = predictor.predict(PORTRAIT)
    assert len(wanted) == 1
    with opened(chromium, service) as tab:
        assert "in this browser (WebAssembly, " in tab.inner_text("#where")
        assert tab.evaluate("crossOriginIsolated")
        sent = []
        tab.context.on("request", lambda request: sent.append(request.method))
        check(answered(tab, PORTRAIT), wanted, PORTRAIT.name)
        assert "POST" not in sent  # no picture leaves the device
        with tab.expect_response("**/v1/poses"):
            tab.click("#at-server")
        until(tab, "document.getElementById('summary').textContent.includes('seen')")
        assert "on the server" in tab.inner_text("#where")
        check(saved(tab), wanted, PORTRAIT.name)


@pytest.mark.data
def test_photographs(site, chromium, predictor, data_root):
    photographs = [*sorted((data_root / "lspet" / "images").glob("*.jpg"))[::1500], *sorted((data_root / "mpii" / "images").glob("*.jpg"))]
    found = 0
    with hosted(site) as address, opened(chromium, address) as tab:
        for path in photographs:
            wanted = predictor.predict(path)
            check(answered(tab, path), wanted, path.name)
            found += len(wanted)
    assert found >= len(photographs) / 2


def test_turned_transparent_and_grey_pictures(chromium, service, predictor, tmp_path):
    import PIL.Image

    picture = PIL.Image.open(PORTRAIT).convert("RGB")
    exif = PIL.Image.Exif()
    exif[274] = 6
    picture.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    picture.convert("L").save(tmp_path / "grey.png")
    picture.resize((2048, 2400)).save(tmp_path / "large.webp", lossless=True)
    layered = picture.convert("RGBA")
    layered.putalpha(PIL.Image.linear_gradient("L").resize(picture.size).point(lambda level: 255 - level // 2))
    layered.save(tmp_path / "layered.png")
    with opened(chromium, service) as tab:
        for path in sorted(tmp_path.iterdir()):
            told = answered(tab, path)
            check(told, predictor.predict(path), path.name)
        (tmp_path / "not.jpg").write_bytes(b"no picture")
        tab.set_input_files("#file", str(tmp_path / "not.jpg"))
        until(tab, "document.getElementById('alert').textContent.includes('not.jpg is not a picture')")


def test_why_in_the_browser_and_on_the_server(chromium, service):
    with opened(chromium, service) as tab:
        answered(tab, PORTRAIT)
        before = tab.evaluate("document.getElementById('canvas').toDataURL()")
        for place, method in (("device", "in this browser"), ("server", "on the server")):
            if place == "server":
                tab.click("#at-server")
                until(tab, "document.getElementById('summary').textContent.includes('seen')")
            tab.get_by_role("button", name="Why is neck there?").click()
            tab.wait_for_selector("#why:not([hidden])")
            told = tab.inner_text("#reason")
            assert method in told
            assert tab.inner_text("#reason .verdict") in ("FAITHFUL", "LOCAL ONLY", "NOT FAITHFUL")
            assert "passed: " in told or "FAILED: " in told
            tab.mouse.move(0, 0)
            assert tab.evaluate("document.getElementById('canvas').toDataURL()") != before


def test_sliders_change_the_drawing_and_not_the_answer(chromium, service):
    with opened(chromium, service) as tab:
        first = answered(tab, PORTRAIT)
        drawn = "document.getElementById('canvas').toDataURL()"
        pictures = [tab.evaluate(drawn)]
        tab.fill("#width", "3")
        pictures.append(tab.evaluate(drawn))
        tab.uncheck("#faded")
        pictures.append(tab.evaluate(drawn))
        tab.uncheck("#calibrated")
        tab.fill("#threshold", "0.6")
        pictures.append(tab.evaluate(drawn))
        assert len(set(pictures)) == 4
        assert "1 of 14" in tab.inner_text("#summary")
        assert saved(tab) == first
        with tab.expect_download() as download:
            tab.click("#save-picture")
        assert download.value.suggested_filename == "grace_hopper.pose.jpg"
        assert load_image(Path(download.value.path()).read_bytes()).shape == load_image(PORTRAIT).shape


def test_paste_and_drop(chromium, service):
    send = """(kind) => fetch('icon-192.png').then((answer) => answer.blob()).then((blob) => {
        const data = new DataTransfer();
        data.items.add(new File([blob], kind + '.png', { type: 'image/png' }));
        const event = kind === 'paste' ? new ClipboardEvent(kind, { clipboardData: data }) : new DragEvent(kind, { dataTransfer: data });
        document.dispatchEvent(event);
    })"""
    with opened(chromium, service) as tab:
        for kind in ("paste", "drop"):
            tab.evaluate(send, kind)
            until(tab, "document.getElementById('canvas').width === 192 && document.getElementById('save').hidden === false")
            assert saved(tab)["image"] == f"{kind}.png"


FRAME = """(() => { const video = document.getElementById('video'), canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png'); })()"""


def camera_file(path, image):
    """One frame as YUV4MPEG2, which the browser plays again and again; its colours are halved in resolution."""
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)
    height, width = image.shape[:2]
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + (b"FRAME\n" + planes.tobytes()) * 3)
    return path


def test_the_camera(site, driver, tmp_path, predictor):
    portrait = load_image(PORTRAIT)
    image = np.full((480, 640, 3), 200, np.uint8)
    image[:, 128:512] = cv2.resize(portrait, (384, 480), interpolation=cv2.INTER_AREA)
    video = camera_file(tmp_path / "camera.y4m", image)
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={video}"]
    with hosted(site) as address, browser(driver, *flags) as started, opened(started, address, permissions=["camera"]) as tab:
        tab.click("#camera")
        until(tab, "document.getElementById('summary').textContent.includes('seen')")
        assert tab.evaluate("document.activeElement.id") == "take"
        until(tab, "document.getElementById('rate').textContent.includes('a second')")
        frame = tab.evaluate(FRAME)
        tab.click("#take")
        until(tab, "document.getElementById('status').textContent.includes('ms)')")
        told = saved(tab)
        assert tab.evaluate("document.getElementById('video').srcObject === null")  # the camera is off
        assert (told["width"], told["height"]) == (640, 480)
        pixels = load_image(base64.b64decode(frame.partition(",")[2]))
        assert np.abs(pixels.astype(int) - image).mean() < 12  # video has half of the colours
        check(told, predictor.predict(pixels), "camera.png")
        shown = tab.locator("#canvas").screenshot(path=artefact("camera.png"))
        assert len(shown) > 10_000


def test_offline_after_the_first_visit(site, chromium, predictor, tmp_path):
    with served(site, tmp_path / "log") as (address, process), opened(chromium, address) as tab:
        until(tab, "navigator.serviceWorker.controller !== null")
        process.kill()
        process.wait()
        tab.reload()
        tab.wait_for_selector("body[data-ready=device]")
        assert not tab.is_visible("#places")
        check(answered(tab, PORTRAIT), predictor.predict(PORTRAIT), PORTRAIT.name)
        assert tab.evaluate("crossOriginIsolated")


def test_static_files_in_a_folder_of_a_plain_host(site, chromium, predictor):
    with hosted(site.parent) as address, opened(chromium, f"{address}/page/") as tab:
        assert "1 thread" in tab.inner_text("#where")
        assert not tab.is_visible("#places")
        check(answered(tab, PORTRAIT), predictor.predict(PORTRAIT), PORTRAIT.name)
        tab.reload()
        tab.wait_for_selector("body[data-ready=device]")
        assert tab.evaluate("crossOriginIsolated")  # the service worker has seen to it


def test_without_the_network_beside_it_the_page_asks_the_server(bare, chromium, predictor, tmp_path):
    with served(bare, tmp_path / "log", token="a token for tests") as (address, _), opened(chromium, address, ready=False) as tab:
        tab.fill("#token", "wrong")
        tab.click("#token-form button")
        until(tab, "document.getElementById('alert').textContent.includes('token')")
        tab.fill("#token", "a token for tests")
        tab.click("#token-form button")
        tab.wait_for_selector("body[data-ready=server]")
        check(answered(tab, PORTRAIT), predictor.predict(PORTRAIT), PORTRAIT.name)


def test_a_network_that_answers_otherwise_is_not_believed(site, chromium):
    told = json.loads((site / "device" / "check.json").read_text())
    moved = json.dumps({**told, "keypoints": [[x + 0.2, y] for x, y in told["keypoints"]]})
    damaged = (site / "device" / "pose.onnx").read_bytes()[:-1] + b"x"
    for path, body, said in (("**/check.json", moved, "0.20 px away from PyTorch"), ("**/pose.onnx?*", damaged, "checksum")):
        answer = {"body": body, "content_type": "application/json"}
        swap = lambda context, path=path, answer=answer: context.route(path, lambda route: route.fulfill(**answer))  # noqa: E731
        with hosted(site) as address, opened(chromium, address, ready=False, before=swap, service_workers="block") as tab:
            until(tab, f"document.getElementById('alert').textContent.includes('{said}')")
            assert tab.get_attribute("body", "data-ready") is None


# ── for everybody ────────────────────────────────────────────────

CONTRASTS = """() => {
  const parsed = (text) => { const c = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    c.fillStyle = text; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const light = (rgb) => { const [r, g, b] = rgb.slice(0, 3).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (node) => { for (; node; node = node.parentElement) {
    const c = parsed(getComputedStyle(node).backgroundColor); if (c[3] === 255) return c;
    }
    return parsed(getComputedStyle(document.body).backgroundColor); };
  const texts = [...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && !node.disabled
    && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()));
  return texts.map((node) => { const [a, b] = [light(parsed(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), node.textContent.trim().slice(0, 30)]; }).sort((x, y) => x[0] - y[0]); }"""
OVERLAPS = """() => {
  const shown = [...document.querySelectorAll('button, input, label, output, h1, h2, h3, #where, #status, #summary, #canvas, td, th, legend')]
    .filter((node) => node.checkVisibility() && node.id !== 'video').map((node) => [node, node.getBoundingClientRect()]);
  const found = [];
  for (const [a, p] of shown) for (const [b, q] of shown)
    if (a !== b && !a.contains(b) && !b.contains(a) && p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1)
      if (!a.closest('.wide') === !b.closest('.wide')) found.push([a.textContent || a.id, b.textContent || b.id]);
  return found; }"""


def artefact(name):
    folder = ROOT / "glasspose-out" / "page"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


@pytest.mark.parametrize("name", SIZES)
def test_how_it_looks(name, chromium, service):
    scheme, width, height = SIZES[name]
    with opened(chromium, service, color_scheme=scheme, viewport={"width": width, "height": height}) as tab:
        answered(tab, PORTRAIT)
        if name == "desktop-light":
            tab.get_by_role("button", name="Why is neck there?").click()
            tab.wait_for_selector("#why:not([hidden])")
            tab.mouse.move(0, 0)
        tab.evaluate("scrollTo(0, 0)")
        tab.screenshot(path=artefact(f"{name}.png"), full_page=True)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("document.querySelector('.wide').scrollWidth - document.querySelector('.wide').clientWidth") <= 0
        assert tab.evaluate(OVERLAPS) == []
        lowest, text = tab.evaluate(CONTRASTS)[0]
        assert lowest >= 4.5, text


def test_keyboard_and_screen_reader(chromium, service):
    with opened(chromium, service) as tab:
        answered(tab, PORTRAIT)
        tab.evaluate("document.body.tabIndex = -1; document.body.focus()")  # before everything else
        order = []
        for _ in range(25):
            tab.keyboard.press("Tab")
            order.append(tab.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label')"))
        assert order[:3] == ["file", "paste", "camera"]
        assert order[3] == "Why is right ankle there?"
        assert order[17:] == ["calibrated", "width", "faded", "save-json", "save-picture", "at-device", *order[23:]]
        tab.focus("#calibrated")
        tab.keyboard.press("Space")
        assert not tab.is_checked("#calibrated")
        tree = tab.locator("body").aria_snapshot()
        for said in (
            'button "Paste"',
            'checkbox "Thresholds as calibrated"',
            'slider "Width of lines"',
            'radio "In this browser: no picture leaves this device"',
            "status:",
            'heading "glasspose" [level=1]',
            'img "The picture with its skeleton. One person, ',
            'rowheader "neck"',
        ):
            assert said in tree, tree
        unnamed = tab.evaluate("""[...document.querySelectorAll('button, input')].filter((node) => !node.labels?.length
            && !node.getAttribute('aria-label') && !node.textContent.trim()).map((node) => node.outerHTML)""")
        assert unnamed == []
        tab.set_input_files("#file", str(PORTRAIT))
        assert tab.get_attribute("#alert", "role") == "alert"
