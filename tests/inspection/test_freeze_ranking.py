"""FreezeRankingDisplay."""

import numpy as np
from numpy.testing import assert_array_equal

from skfashion.inspection import FreezeRankingDisplay
from skfashion.model_selection import rank_freeze_points
from tests.inspection.panels import legend, tick_names


def test_what_was_measured_is_drawn(make, lt5):
    frame = rank_freeze_points(make(), *lt5)
    display = FreezeRankingDisplay.from_estimator(make(), *lt5)
    assert_array_equal(display.line_.get_xdata(), [0, 1, 2])
    assert_array_equal(display.line_.get_ydata(), frame["mean_probe_score"])
    assert_array_equal(display.ratio_line_.get_ydata(), frame["gradient_ratio"])
    (bars,) = display.errorbar_.lines[2]
    low, high = bars.get_segments()[1][:, 1]
    assert np.isclose(high - low, 2 * frame["std_probe_score"][1])
    display.figure_.draw_without_rendering()
    assert tick_names(display.axes_[1]) == ["nothing", "conv1", "features"]
    assert legend(display.ax_) == ["linear probe", "recommended for a search"]
    circles = display.recommended_line_
    assert_array_equal(circles.get_xdata(), np.flatnonzero(frame["recommended"]))
    assert_array_equal(circles.get_ydata()[1:], frame["mean_probe_score"][frame["recommended"]][1:])
    assert circles.get_ydata()[0] == frame["mean_probe_score"].min()
    assert display.axes_[1].get_ylim()[0] == 0


def test_a_table_of_before_is_drawn_in_a_given_style(make, lt5):
    frame = rank_freeze_points(make(), *lt5)
    display = FreezeRankingDisplay(ranking=frame).plot(
        line_kw={"color": "red"}, errorbar_kw={"capsize": 0}
    )
    assert display.line_.get_color() == display.ratio_line_.get_color() == "red"
    assert not display.errorbar_.lines[1]
