"""What Quantus says of small inputs, kept in quantus.json so that tests need no Quantus. It is made anew by

uv run --with quantus==0.6.0 python tests/attribution/quantus_vectors_for_tests.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

KEPT = Path(__file__).parent / "quantus.json"
SIDE, STEP, DRAWS, NOISE = 6, 4, 8, 0.1
BINS = 100


class Curved(nn.Module):
    """f(x) = w.x + x.diag(v).x / 2, and its opposite: two answers."""

    def __init__(self, w, v):
        super().__init__()
        self.w, self.v = (torch.as_tensor(values, dtype=torch.float32) for values in (w, v))

    def forward(self, images):
        flat = images.float().flatten(1)
        answer = flat @ self.w + (flat**2) @ self.v / 2
        return torch.stack([answer, -answer], 1)


def noise():
    """The draws of `infidelity` with seed 0."""
    return NOISE * torch.randn((DRAWS, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(0))


def pixel_flipping(quantus, model, image, values):
    """The answer after each further STEP pixels are 0, the most important first."""
    metric = quantus.PixelFlipping(features_in_step=STEP, perturb_baseline=0.0, abs=False, normalise=False, disable_warnings=True)
    return _asked(metric, model, image, values)


def infidelity(quantus, model, image, values):
    """With the noise of `noise()` over the whole picture instead of patches."""
    left = iter(noise().numpy().reshape(DRAWS, -1))
    metric = quantus.Infidelity(
        perturb_patch_sizes=[SIDE],
        n_perturb_samples=DRAWS,
        perturb_func=lambda arr, indices, **_: arr - next(left),
        abs=False,
        normalise=False,
        disable_warnings=True,
    )
    return _asked(metric, model, image, values)


def _asked(metric, model, image, values):
    return metric(model=model, x_batch=image[None], y_batch=np.array([0]), a_batch=values[None], softmax=False, channel_first=True, device="cpu")[0]


def efficient_mprt(quantus, rng):
    """Gradient times input of a small network and of its randomised copy, and how much more complex that is."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 144, 2))
    images, maps = rng.normal(size=(1, 1, 12, 12)).astype(np.float32), []

    def explain(model, inputs, targets, **_):
        x = torch.as_tensor(inputs).clone().requires_grad_(True)
        gradient = torch.autograd.grad(model(x)[np.arange(len(x)), targets].sum(), x)[0]
        maps.append((gradient * x).detach().numpy())
        return maps[-1]

    metric = quantus.EfficientMPRT(
        complexity_func_kwargs={"n_bins": BINS}, abs=False, normalise=False, skip_layers=True, disable_warnings=True, layer_order="bottom_up"
    )
    score = metric(model=model.eval(), x_batch=images, y_batch=np.array([0]), explain_func=explain, channel_first=True, device="cpu")[0]
    return {"own": maps[0][0, 0].tolist(), "shuffled": maps[-1][0, 0].tolist(), "score": float(score)}


def made():
    """Everything that is kept."""
    import quantus

    rng = np.random.default_rng(0)
    w, v = rng.normal(size=(2, SIDE * SIDE))
    image = rng.normal(size=(1, SIDE, SIDE)).astype(np.float32)
    values = rng.normal(size=(1, SIDE, SIDE))
    model = Curved(w, v).eval()
    found = {"quantus": quantus.__version__, "w": w.tolist(), "v": v.tolist(), "image": image.tolist(), "map": values.tolist()}
    found["pixel_flipping"] = [float(value) for value in pixel_flipping(quantus, model, image, values)]
    told = (noise().flatten(1).double() @ torch.from_numpy(values).flatten()).numpy()
    with torch.no_grad():
        lost = (model(torch.from_numpy(image[None])) - model(torch.from_numpy(image) - noise()))[:, 0].double().numpy()
    scale = float((told * lost).sum() / (told**2).sum())
    found["infidelity"] = {
        "scale": scale,
        "as it is": float(infidelity(quantus, model, image, values)),
        "scaled": float(infidelity(quantus, model, image, scale * values)),
        "empty": float(infidelity(quantus, model, image, 1e-30 * values)),
    }
    metric = quantus.Sparseness(abs=True, normalise=False, disable_warnings=True)
    found["sparseness"] = float(_asked(metric, model, image, np.abs(values)))
    found["efficient_mprt"] = efficient_mprt(quantus, rng)
    return found


if __name__ == "__main__":
    KEPT.write_text(json.dumps(made()) + "\n")
