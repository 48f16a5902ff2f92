"""How long it takes to open; see `emdiff_app.app.opening` for what is counted."""

import pytest

from emdiff_app.app.opening import kept_waiting_s, measure, seconds

WINDOW_S, PLUGIN_S, PANEL_S = 3.0, 0.3, 1.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_window_is_there_soon_and_the_plugin_keeps_napari_waiting_for_nearly_nothing():
    """Measured up to three times, in time of the processor: a machine may be at something else, and its screen too."""
    for _ in range(3):
        found = measure(tries=1)
        assert min(found.values()) > 0
        # Nearly all of it is napari's: where even an empty napari takes long, ours may take about as long as that.
        window_s = max(WINDOW_S, 1.25 * found["napari_cpu"])
        if found["window_cpu"] < window_s and found["plugin"] < PLUGIN_S and found["panel"] < PANEL_S:
            return
    raise AssertionError(found)


def test_what_takes_time_is_counted():
    import time

    def work():
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass

    assert 0.19 < seconds(work) < 0.4
    assert kept_waiting_s() >= 0
    assert kept_waiting_s(thread=2**30) == 0
