"""Questions and answers that are too long for a step."""
