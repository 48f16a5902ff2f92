"""Samplers apart from learning: a prior from clean images, one sampler on one problem, and what the figures say."""
