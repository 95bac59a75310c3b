"""What `explain layers` asks places for, and how what is known is taken out of one of them.

Letters: N people, K keypoints, T numbers of a target, D numbers of a place.
"""

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasspose.attribution.taps import Change, replaced
from glasspose.explain.activations import GRID, gathered, shrunk
from glasspose.explain.attributes import Attribute, crop_scale, of_pose
from glasspose.explain.explanation import Check
from glasspose.explain.principal import centred, principal
from glasspose.explain.probing import Target, read
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Subject
from glasspose.metrics.significance import permutation_p

FEWEST_OF_A_KIND = 15
"""Visibility is asked of keypoints that so many people show and so many do not."""
PIXELS = 16
"""Pictures are shrunk to so many rows and columns for the baseline of pixels."""
RANDOM = 40
PEOPLE = 32
"""So many people are decoded with a direction taken out."""
LEVEL = 0.05


def targets(sample: Sample) -> list[Target]:
    """Keypoint coordinates, visibility, orientation and size, from the labels; those that these people do not differ in are left out."""
    count = len(sample)
    places = sample.keypoints.reshape(count, -1)
    made = [Target(name="keypoints", values=places, known=np.repeat(sample.labelled, 2, axis=1))]
    seen = (sample.labelled & ~sample.occluded).astype(float)
    mixed = (seen.sum(0) >= FEWEST_OF_A_KIND) & ((1 - seen).sum(0) >= FEWEST_OF_A_KIND)
    if mixed.any():
        made.append(Target(name="visibility", values=seen[:, mixed], known=np.ones((count, int(mixed.sum())), bool)))
    poses = {a.name: a for a in of_pose(sample.keypoints, sample.labelled, sample.skeleton)}
    turned = [poses[name] for name in ("facing", "lean") if name in poses]
    if turned:
        made.append(_target("orientation", turned))
    scale = crop_scale(sample)
    if np.ptp(scale) > 0:
        made.append(Target(name="size", values=scale[:, None], known=np.ones((count, 1), bool)))
    return made


def _target(name: str, attributes: list[Attribute]) -> Target:
    return Target(name=name, values=np.column_stack([a.values for a in attributes]), known=np.column_stack([a.known for a in attributes]))


def pixel_components(sample: Sample, most: int) -> Float[np.ndarray, "N P"]:
    """The baseline of what can be read off the picture itself: components of its pixels, shrunk to 16 x 16."""
    small = np.stack([cv2.resize(pixels, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA) for pixels in sample.pixels])
    return principal(small.reshape(len(sample), -1).astype(np.float64)).scores[:, :most]


def removal(asked: Subject, sample: Sample, place: str, fold: np.ndarray, seed: int) -> list[Check]:
    """Take what tells the network's own keypoints out of a place: twice it must hurt more than random directions, as many.

    Everybody is moved to the sample's mean along the directions. A new probe then reads the keypoints (known there), and the rest of the
    network decodes (used there). Random directions are drawn as the data spread, so that they carry as much variance as any here.
    """
    told = asked.ask_all(sample).keypoints
    rows = gathered(asked.network, {place: asked.taps()[place]}, sample, grid=GRID)[place]
    found = principal(rows)
    rng = np.random.default_rng([seed, 4])
    values = told.reshape(len(told), -1)
    telling = concept(rows, values)
    count = len(telling)
    random = (rng.normal(size=(RANDOM, count, len(found.variances))) * np.sqrt(found.variances)) @ found.axes
    spaces = [telling, *(_basis(one) for one in random)]
    target = Target(name="keypoints", values=values, known=np.ones(values.shape, bool))
    apart = rows - found.mean
    left = [read(centred(apart - (apart @ space.T) @ space), target, fold).r2 for space in spaces]
    images = sample.inputs(slice(0, PEOPLE))
    moved = [_moved(asked, images, place, space, found.mean, told[:PEOPLE]) for space in spaces]
    before = read(centred(rows), target, fold).r2
    return [
        _check(f"{place}: without the {count} directions that tell keypoints, a probe reads them worse", before - np.array(left), "R2 lost"),
        _check(f"{place}: without these directions the network's own keypoints move", np.array(moved), "input pixels"),
    ]


def concept(rows: Float[np.ndarray, "N D"], values: Float[np.ndarray, "N T"]) -> Float[np.ndarray, "R D"]:
    """Orthonormal directions in which a place varies together with the values, strongest first, up to 99 % of that covariance.

    Without them no linear probe reads the values any more (spectral removal, Shao, Ziser and Cohen 2023); a probe's own direction would leave
    every copy of what it reads.
    """
    apart = (rows - rows.mean(0)).astype(np.float64)
    wanted = (values - values.mean(0)) / np.maximum(values.std(0), 1e-9)
    axes, sizes, _ = np.linalg.svd(apart.T @ wanted, full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(sizes**2) / max((sizes**2).sum(), 1e-30), 0.99)) + 1
    found: np.ndarray = axes[:, :kept].T
    return found


def _basis(vectors: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T D"]:
    found: np.ndarray = np.linalg.qr(vectors.T)[0].T
    return found


def _check(name: str, hurt: Float[np.ndarray, " R"], unit: str) -> Check:
    """The first against all others."""
    p = permutation_p(float(hurt[0]), hurt[1:])
    said = f"{hurt[0]:.3g} {unit}, at random {np.median(hurt[1:]):.3g}"
    return Check(name=name, passed=p < LEVEL, value=p, bound=f"p below {LEVEL} against {RANDOM} random subspaces", reason=said)


def _moved(asked: Subject, images: Tensor, place: str, space: np.ndarray, mean: np.ndarray, before: np.ndarray) -> float:
    """By how much the network's own keypoints move on average."""
    with torch.inference_mode(), replaced(asked.taps(), {place: _without(space, mean)}):
        keypoints, _ = asked.network.keypoints(images)
    return float(np.linalg.norm(keypoints.double().numpy() - before, axis=-1).mean())


def _without(space: Float[np.ndarray, "T D"], mean: Float[np.ndarray, " D"]) -> Change:
    """What a place says, its averages onto the grid brought to the mean along these directions (orthonormal)."""
    basis, middle = (torch.from_numpy(values.astype(np.float32)) for values in (space, mean))

    def change(output: Tensor) -> Tensor:
        small = shrunk(output, GRID)
        taken = (((small.flatten(1) - middle) @ basis.T) @ basis).reshape(small.shape)
        if small.shape == output.shape:
            return output - taken
        return output - torch.nn.functional.interpolate(taken, output.shape[-2:], mode="nearest")

    return change
