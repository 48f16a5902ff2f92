"""Sampling clean images given a recorded one: one method per file, one registry."""

from . import auto, diffpir
from .registry import Method, OnStep, Sampler, get, names

__all__ = ["Method", "OnStep", "Sampler", "auto", "diffpir", "get", "names"]
