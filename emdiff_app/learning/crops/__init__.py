"""What a run learns from: crops of the recorded images, read when needed, each with its own imaging model."""
