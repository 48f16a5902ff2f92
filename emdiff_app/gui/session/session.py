"""The session of one window: its state, every wish that a panel can have, and the news that come back."""

from pathlib import Path

from emdiff_app.gui.host import Message

from .image_wishes import ImageWishes
from .learn_wishes import LearnWishes
from .move_wishes import MoveWishes
from .news import News
from .restore_wishes import RestoreWishes
from .share_wishes import ShareWishes

__all__ = ["Session"]


class Session(ImageWishes, LearnWishes, MoveWishes, RestoreWishes, ShareWishes, News):
    """Panels show it, change it and listen to it; they never talk to each other. Every verb returns at once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._closed = False
        self.host.images_changed.connect(self.look_at_images)
        self.events.message.connect(self._pass_on)
        self.events.prior.connect(self._other_prior)
        self.events.device.connect(self._use_what_is_there)
        self.events.devices.connect(self._use_what_is_there)
        self.look_at_images()

    def _other_prior(self) -> None:
        self.drawn = None

    def open_files(self, paths: list[Path]) -> None:
        """Images, priors and run folders, each as what it is."""
        images = []
        for path in paths:
            if path.suffix == ".emprior":
                self.import_prior(path)
            elif (path / "recipe.json").is_file():
                self.open_run(path)
            else:
                images.append(path)
        if images:
            self.open_images(images)

    def _pass_on(self, message: Message | None) -> None:
        if message is not None:
            self.host.say(message)

    def close(self) -> None:
        """The window goes: a worker goes on, a restoration ends."""
        if self._closed:
            return
        self._closed = True
        self.host.images_changed.disconnect(self.look_at_images)
        self.host.disconnect()
        self.restoring_job.stop()
        self.learning_job.leave()
        self.restoring_job.join()
