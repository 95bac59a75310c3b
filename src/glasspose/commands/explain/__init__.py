"""`glasspose explain NAME`: one file for each question."""
