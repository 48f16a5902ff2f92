"""The published tables: problems, learners, rows, pages; `tables.py` is the command."""
