"""What the network is about to be taught, as a picture: most mistakes of data can be seen in it before the first epoch."""

import cv2
import numpy as np
import torch

from glasspose.data.loading import PackedPeople
from glasspose.drawing import contact_sheet, draw_poses, enlarged, fused_heatmaps
from glasspose.geometry import inside, resize_matrix
from glasspose.network import PoseNetwork
from glasspose.structures import Image, Poses

SHOWN = 6


@torch.no_grad()
def first_batch_picture(network: PoseNetwork, people: PackedPeople) -> Image:
    """For a few augmented people: the input, the labels on it, the target maps, and what the untrained network says."""
    from glasspose.data.loading import collate

    samples = [people[(0, i)] for i in range(min(SHOWN, len(people)))]
    batch = collate(samples)
    device = next(network.model.parameters()).device
    network.eval()
    said = network.heatmaps(batch.images.to(device))[:, -1].cpu().numpy()
    targets = network.codec.target_maps(*(part.to(device) for part in (batch.keypoints, batch.labelled, batch.occluded))).cpu().numpy()
    matrix = resize_matrix(network.input_size, (targets.shape[2], targets.shape[3]))
    pictures, captions = [], []
    for i, sample in enumerate(samples):
        image = sample["images"]
        labelled = sample["labelled"] & inside(sample["keypoints"], network.input_size)
        row = (
            image,
            _labels(image, sample["keypoints"], labelled, network),
            fused_heatmaps(image, targets[i], matrix),
            fused_heatmaps(image, said[i], matrix),
        )
        pictures += [enlarged(picture, 2) if max(picture.shape) < 200 else picture for picture in row]
        captions += ["input", f"labels, {int(labelled.sum())} of {len(labelled)} in it", "target, strongest map", "network before this epoch"]
    return contact_sheet(pictures, captions, columns=4)


def _labels(image: Image, keypoints: np.ndarray, labelled: np.ndarray, network: PoseNetwork) -> Image:
    """The labels, drawn at twice the size."""
    large = cv2.resize(image, (image.shape[1] * 2, image.shape[0] * 2), interpolation=cv2.INTER_LINEAR)
    poses = Poses(
        keypoints=(keypoints[None].astype(np.float64) + 0.5) * 2 - 0.5,
        scores=labelled[None].astype(np.float64),
        seen=labelled[None],
        boxes=np.zeros((1, 4)),
        person_scores=np.ones(1),
        skeleton=network.skeleton,
        size=(large.shape[0], large.shape[1]),
    )
    return draw_poses(large, poses)
