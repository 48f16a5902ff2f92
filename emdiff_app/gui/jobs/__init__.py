"""Work that outlasts a click: threads and a worker process that tell the window where they are. No Qt here."""

from .history import LearningStatus, Score
from .learning_job import LearningJob
from .mailbox import Mailbox
from .restoring_job import CHECKING, LEARNING, Restore, RestoringJob, RestoringStatus, Talk
from .states import LEARN_BUTTONS, NEXT, RESTORE_BUTTONS, Button, JobState
from .task import Outcome, Tasks, sentence_of

__all__ = [
    "CHECKING",
    "LEARNING",
    "LEARN_BUTTONS",
    "NEXT",
    "RESTORE_BUTTONS",
    "Button",
    "JobState",
    "LearningJob",
    "LearningStatus",
    "Mailbox",
    "Outcome",
    "Restore",
    "RestoringJob",
    "RestoringStatus",
    "Score",
    "Talk",
    "Tasks",
    "sentence_of",
]
