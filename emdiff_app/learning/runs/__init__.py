"""A run on the disk: what was asked, what happened, what was saved, and who works on it; no torch is needed to look."""
