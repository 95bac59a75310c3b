"""The verbs of the command line, a file each. Nothing here imports torch before a verb runs."""
