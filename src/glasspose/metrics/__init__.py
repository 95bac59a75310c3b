"""How good predictions are: pure functions on numpy arrays, which know neither networks nor files.

Letters: N persons, K keypoints (or L limbs), I images, R resamples. Results are fractions from 0 to 1, except the end-point error (pixels).
`counted` (N, K) says which keypoints are judged, usually the labelled ones; a reference `length` (N,) of 0 says that a person has none.
"""

from glasspose.metrics.coco import OKS_NAMES, coco_results, coco_truth, oks_scores
from glasspose.metrics.distance import auc, distances, epe, normalised, pck, pcp, pdj, usable
from glasspose.metrics.mpii import PCKH_GROUPS, PckhTable, head_size, pckh_table
from glasspose.metrics.scores import Interval, Resampled, Score, bootstrap, interval_of, score
from glasspose.metrics.similarity import oks, oks_nms, oks_sigmas

__all__ = [
    "OKS_NAMES",
    "PCKH_GROUPS",
    "Interval",
    "PckhTable",
    "Resampled",
    "Score",
    "auc",
    "bootstrap",
    "coco_results",
    "coco_truth",
    "distances",
    "epe",
    "head_size",
    "interval_of",
    "normalised",
    "oks",
    "oks_nms",
    "oks_scores",
    "oks_sigmas",
    "pck",
    "pckh_table",
    "pcp",
    "pdj",
    "score",
    "usable",
]
