"""What others report: not measured here, on other data, by other protocols."""

SURVEYED = (
    ("Toshev and Szegedy 2014", "regression", "AlexNet", "220×220", None),
    ("Carreira et al. 2016", "regression", "GoogleNet", "224×224", 81.3),
    ("Sun et al. 2017", "regression", "ResNet-50", "224×224", 86.4),
    ("Luvizon et al. 2017", "regression", "Inception-v4 + hourglass", "256×256", 91.2),
    ("Tompson et al. 2014", "detection", "AlexNet", "320×240", 79.6),
    ("Yang et al. 2016", "detection", "VGG", "112×112", None),
    ("Newell et al. 2016", "detection", "hourglass", "256×256", 90.9),
    ("Wei et al. 2016", "detection", "CPM", "368×368", 88.5),
    ("Chu et al. 2017", "detection", "hourglass", "256×256", 91.5),
    ("Yang et al. 2017", "detection", "hourglass", "256×256", 92.0),
    ("Chen et al. 2017", "detection", "conv-deconv", "256×256", 91.9),
    ("Peng et al. 2018", "detection", "hourglass", "256×256", 91.5),
    ("Ke et al. 2018", "detection", "hourglass", "256×256", 92.1),
    ("Tang et al. 2018a", "detection", "hourglass", "256×256", 92.3),
    ("Sun et al. 2019", "detection", "HRNet", "256×256", 92.3),
    ("Tang and Wu 2019", "detection", "hourglass", "256×256", 92.7),
)
"""Method, kind, backbone, input, PCKh on MPII in per cent: Table 1 of the COCO-Human-Pose report (University of Victoria 2021), as printed there."""
CASCADE_FEATURE_AGGREGATION = 93.9
"""Per cent PCKh, as quoted in Bhansali's note on stacked hourglasses."""

ELSEWHERE = (
    ("Newell, 8 stacks, MPII", "recipes/newell-mpii.yaml --data.root $GLASSPOSE_DATA/mpii", "PCKh .901 (paper .909)"),
    ("Newell, 2 stacks, MPII", "recipes/newell-mpii.yaml --data.root $GLASSPOSE_DATA/mpii --model.stacks 2", "PCKh .885"),
    ("Newell, 8 stacks, FLIC", "recipes/newell-mpii.yaml --data.kind flic --data.root $GLASSPOSE_DATA/flic", "PCK@0.2 elbow 99.0, wrist 97.0"),
    ("DeepPose's network, MPII", "recipes/deeppose-pose-lsp.yaml --data.kind mpii --data.root $GLASSPOSE_DATA/mpii", "30 % of head segments"),
    ("ResNetV2-50, MPII", "recipes/resnetv2-pose-lsp.yaml --data.kind mpii --data.root $GLASSPOSE_DATA/mpii --download", "50 % of head segments"),
    ("the thesis's hourglass, COCO in full", "recipes/thesis-hourglass-coco.yaml --data.root $GLASSPOSE_DATA/coco", ".441; visible .469; limbs .32"),
    (
        "the same with its autoencoder, COCO in full",
        "recipes/thesis-autoencoder-lsp.yaml --init runs/thesis-coco/best.safetensors --data.kind coco --data.root $GLASSPOSE_DATA/coco",
        ".474; visible .576; limbs .38",
    ),
    ("Victoria's hourglass, COCO in full", "recipes/uvic-hourglass-coco.yaml --data.root $GLASSPOSE_DATA/coco", "PCK .787, AP .575"),
)
"""What needs pictures that are not here: the run, the options of `glasspose train`, and what its document reports."""
