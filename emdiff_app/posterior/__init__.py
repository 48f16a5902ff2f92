"""Sampling clean images given a recorded one: one method per file, one registry."""

from . import auto, diffpir, dps, from_noise, gibbs, mmps, pigdm, score_ald, sdedit, spectral
from .covariance import Covariance, Uncertainty, uncertainty_of
from .guard import Report
from .registry import Method, OnStep, Sampler, get, names

__all__ = [
    "Covariance",
    "Method",
    "OnStep",
    "Report",
    "Sampler",
    "Uncertainty",
    "auto",
    "diffpir",
    "dps",
    "from_noise",
    "get",
    "gibbs",
    "mmps",
    "names",
    "pigdm",
    "score_ald",
    "sdedit",
    "spectral",
    "uncertainty_of",
]
