"""The Qt binding itself: some releases wear out Python's `None` (docs/decisions/0006)."""

import sys

from qtpy.QtCore import QCoreApplication


def test_calls_that_return_nothing_cost_no_reference_to_none(qapp):
    before = sys.getrefcount(None)
    for _ in range(1000):
        QCoreApplication.processEvents()
    assert sys.getrefcount(None) > before - 500
