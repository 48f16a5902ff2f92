"""Learning runs as benchmarks make them: from recorded images to a prior, timed from within, and to estimates."""
