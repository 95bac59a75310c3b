"""How fast this machine works with glasspose, as ratios to plain ways of doing the same work, measured side by side in one run.

`catalogue.py` lists them; docs/performance.md shows what they found. Nothing here is a test, and no number is an absolute time to be reached.
"""
