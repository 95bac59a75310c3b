"""Is one network better than another? One table over evaluations, runs and weights, paired on the same people."""

from glasspose.comparing.comparison import Cell, Comparison, Row, compare

__all__ = ["Cell", "Comparison", "Row", "compare"]
