"""What Restore does in its thread, and which images come of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .host import ImageRef, Result
from .model_form import ModelForm

__all__ = ["RestoreTask", "Restored"]


@dataclass(frozen=True, eq=False)
class Restored:
    """One image restored: new images, the last of them on top, and what there is to say."""

    results: tuple[Result, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RestoreTask:
    """All that a restoration needs, fixed when the button is pressed."""

    image: ImageRef
    prior: Path
    form: ModelForm
    samples: int
    device: str
    spread: bool

    def __call__(self, on_progress: Callable[..., None], should_stop: Callable[[], bool]) -> Restored:
        from emdiff_app.restoring import restore  # brings torch with it

        done = restore(
            self.image.stack,
            self.prior,
            # Without a noise of one's own, the prior's own imaging model is the best guess.
            self.form.imaging_model() if self.form.noise else None,
            samples=self.samples if self.samples > 1 else None,  # None: the clean estimate
            device=self.device,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        made = [self._result(done.mean, "restored")]
        if self.spread and done.spread is not None:
            made.insert(0, self._result(done.spread, "uncertainty"))
        return Restored(tuple(made), done.sentences)

    def _result(self, stack: Any, kind: str) -> Result:
        return Result(stack.with_(name=f"{self.image.name} {kind}"), self.image.key, kind)
