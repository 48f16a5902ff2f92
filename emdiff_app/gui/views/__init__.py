"""What a run looks like: curves, previews, samples; and the pictures of an imaging model."""
