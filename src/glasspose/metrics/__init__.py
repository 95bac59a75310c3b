"""How good predictions are: pure functions on numpy arrays, which know neither networks nor files.

Letters: N persons, K keypoints (or L limbs), I images, R resamples. Results are fractions from 0 to 1, except the end-point error (pixels).
`counted` (N, K) says which keypoints are judged, usually the labelled ones; a reference `length` (N,) of 0 says that a person has none.
"""

from glasspose.metrics.averages import AVERAGES, Average, Measured, Share, averaged, fold, is_group, shares_of_parts
from glasspose.metrics.boxes import BoxScores, box_scores, iou
from glasspose.metrics.coco import OKS_NAMES, coco_results, coco_truth, oks_scores
from glasspose.metrics.corners import corners
from glasspose.metrics.distance import auc, distances, epe, normalised, pck, pcp, pdj, usable
from glasspose.metrics.kept import Kept, PerPerson, kept_from_json, per_person
from glasspose.metrics.matched import GRID, LENGTHS, Matched
from glasspose.metrics.mpii import PCKH_GROUPS, PckhTable, head_size, pckh_table
from glasspose.metrics.parts import groups_of, limbs_of, sides_of
from glasspose.metrics.protocols import MASKS, NAMED, Protocol, measure, protocol, protocols
from glasspose.metrics.scores import Interval, Resampled, Score, bootstrap, interval_of, score
from glasspose.metrics.similarity import oks, oks_nms, oks_sigmas

__all__ = [
    "AVERAGES",
    "GRID",
    "LENGTHS",
    "MASKS",
    "NAMED",
    "OKS_NAMES",
    "PCKH_GROUPS",
    "Average",
    "BoxScores",
    "Interval",
    "Kept",
    "Matched",
    "Measured",
    "PckhTable",
    "PerPerson",
    "Protocol",
    "Resampled",
    "Score",
    "Share",
    "auc",
    "averaged",
    "bootstrap",
    "box_scores",
    "coco_results",
    "coco_truth",
    "corners",
    "distances",
    "epe",
    "fold",
    "groups_of",
    "head_size",
    "interval_of",
    "iou",
    "is_group",
    "kept_from_json",
    "limbs_of",
    "measure",
    "normalised",
    "oks",
    "oks_nms",
    "oks_scores",
    "oks_sigmas",
    "pck",
    "pckh_table",
    "pcp",
    "pdj",
    "per_person",
    "protocol",
    "protocols",
    "score",
    "shares_of_parts",
    "sides_of",
    "usable",
]
