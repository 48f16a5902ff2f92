"""Preview files come from a run folder that anybody may have made."""

import numpy as np
import pytest

from emdiff_app.gui.views.previews import read_preview

GOOD = {name: np.ones((6, 8, 8), np.float32) for name in ("recorded", "restored", "spread")}


def test_the_first_four_crops_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", **GOOD)
    assert {name: a.shape for name, a in read_preview(tmp_path / "a.npz").items()} == dict.fromkeys(
        GOOD, (4, 8, 8)
    )


@pytest.mark.parametrize(
    "arrays",
    [
        {"recorded": np.ones((2, 8, 8))},
        {**GOOD, "spread": np.ones(3)},
        {**GOOD, "restored": np.array([object()], dtype=object)},
        {**GOOD, "recorded": np.ones((0, 8, 8))},
    ],
)
def test_what_is_no_preview_is_passed_over(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    assert read_preview(tmp_path / "a.npz") is None


def test_a_file_that_is_not_there_or_torn_is_passed_over(tmp_path):
    assert read_preview(tmp_path / "missing.npz") is None
    np.savez(tmp_path / "a.npz", **GOOD)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    assert read_preview(tmp_path / "a.npz") is None
