"""A verdict in lines for people and in fields for machines."""

from typing import TYPE_CHECKING, Any

from emdiff_app.restoring.trust.records import ALL_WELL

if TYPE_CHECKING:
    from emdiff_app.restoring.trust import Examined

__all__ = ["told_by", "verdict_fields"]


def told_by(examined: "Examined | None") -> list[str]:
    """The verdict in one line with the gravest reason, then every reason with what to do."""
    if examined is None:
        return []
    verdict = examined.assessment.verdict
    return [
        f"VERDICT: {verdict.grade.value.upper()}. {'' if verdict.reasons else ALL_WELL}".strip(),
        *(f"  why: {reason.sentence} {reason.action}" for reason in verdict.reasons),
    ]


def verdict_fields(examined: "Examined | None") -> dict[str, Any]:
    """Empty where nothing was examined."""
    if examined is None:
        return {}
    verdict = examined.assessment.verdict
    return {
        "verdict": verdict.grade.value,
        "headline": verdict.headline,
        "reasons": [reason.model_dump(mode="json") for reason in verdict.reasons],
    }
