"""Gait, paths and the camera."""

import math

import numpy as np
import pytest

from training.render.camera import View
from training.render.gait import CURVE_TIMES, RUN, WALK, Stride, curve, ground_height, pose_of
from training.render.motion import joints_at, make_path, moments, smooth, spline
from training.render.skeleton import JOINTS, place_joints

FAR_BALL = np.tile([200.0, 0.0], (len(moments(4.0)), 1))


def running(phase: float, speed: float = 5.0) -> Stride:
    return Stride(phase=phase, forward=speed, sideways=0.0, lean=0.0, turning=0.0, look=0.0, idle=0.0)


@pytest.mark.parametrize("table", [WALK["hip"], RUN["knee"], RUN["ankle"]])
def test_curves_pass_through_their_table_and_close(table: np.ndarray) -> None:
    assert [curve(table, t) for t in CURVE_TIMES] == pytest.approx(table.tolist())
    assert curve(table, 0.9999) == pytest.approx(curve(table, 0.0), abs=0.2)


@pytest.mark.parametrize("speed", [0.0, 1.4, 3.0, 6.0])
def test_the_lowest_sole_touches_the_grass_or_flies_a_little(speed: float) -> None:
    for phase in np.linspace(0, 1, 13):
        stride = running(float(phase), speed)
        pose = pose_of(stride)
        placed = place_joints(pose, np.array([0.0, 0.0, ground_height(pose, stride)]), np.eye(3))
        ankles = [placed[f"foot_{side}"][1][2] for side in ("right", "left")]
        assert 0.0 < min(ankles) < JOINTS["foot_right"][2] + 0.15


@pytest.mark.parametrize("speed", [0.0, 1.2, 5.0])
def test_arms_are_never_straight_and_never_alike(speed: float) -> None:
    bends = []
    for clock in np.linspace(0, 12, 25):
        pose = pose_of(Stride(0.1 * float(clock), speed, 0.0, 0.0, 0.0, 0.0, float(clock)))
        bends.append([math.acos((np.trace(pose[f"forearm_{side}"]) - 1) / 2) for side in ("right", "left")])
    assert np.min(bends) > math.radians(4)
    assert np.abs(np.subtract(*np.transpose(bends))).mean() > math.radians(5)


def test_legs_take_turns() -> None:
    knee = {
        side: place_joints(pose_of(running(0.8)), np.zeros(3), np.eye(3))[f"shin_{side}"][1][1]
        for side in ("right", "left")
    }
    later = {
        side: place_joints(pose_of(running(0.3)), np.zeros(3), np.eye(3))[f"shin_{side}"][1][1]
        for side in ("right", "left")
    }
    assert knee["right"] > knee["left"] + 0.2
    assert later["left"] > later["right"] + 0.2


def test_stride_is_as_long_as_the_feet_reach() -> None:
    """Over the time a foot is down it slips by less than a third of the way the body makes."""
    path = make_path([[0, 0, 0], [4, 16, 0]], [], FAR_BALL, 4.0, 0.0)
    times = np.arange(1.0, 3.0, 0.01)
    feet = []
    for time in times:
        x, _, _ = path.place(float(time))
        feet.append(joints_at(path, float(time), 1.0)["foot_right"][1] + np.array([x, 0.0, 0.0]))
    feet_array = np.array(feet)
    down = feet_array[:, 2] < feet_array[:, 2].min() + 0.03
    slip = np.abs(np.gradient(feet_array[:, 0], 0.01))[down]
    assert np.median(slip) < 4.0 / 3


def test_path_goes_through_its_waypoints_and_faces_where_it_runs() -> None:
    path = make_path([[0, 0, 0], [2, 0, 8], [4, 0, 16]], [], FAR_BALL, 4.0, 0.25)
    assert path.place(2.0)[:2] == pytest.approx((0.0, 8.0), abs=0.1)
    assert path.place(2.0)[2] == pytest.approx(math.pi / 2, abs=0.05)
    assert path.stride(2.0).forward == pytest.approx(4.0, abs=0.2)
    assert path.stride(2.0).sideways == pytest.approx(0.0, abs=0.2)


def test_standing_player_looks_at_the_ball_and_obeys_a_given_direction() -> None:
    free = make_path([[0, 0, 0], [4, 0.1, 0]], [], FAR_BALL, 4.0, 0.0)
    assert math.cos(free.place(2.0)[2]) == pytest.approx(1.0, abs=0.05)
    told = make_path([[0, 0, 0], [4, 8, 0]], [[0, 180], [4, 180]], FAR_BALL, 4.0, 0.0)
    assert math.cos(told.place(2.0)[2]) == pytest.approx(-1.0, abs=0.05)
    assert told.stride(2.0).forward == pytest.approx(-2.0, abs=0.2)


def test_spline_keeps_its_speed_beyond_the_ends() -> None:
    values = spline([0, 1, 2], np.array([[0.0], [1.0], [2.0]]), np.array([-1.0, 0.5, 4.0]))
    assert values[:, 0] == pytest.approx([-1.0, 0.5, 4.0])


def test_smoothing_keeps_a_constant_and_the_length() -> None:
    assert smooth(np.full(50, 3.0), 0.1) == pytest.approx(np.full(50, 3.0))


def test_camera_shows_its_target_in_the_middle_and_up_above() -> None:
    view = View(np.array([0.0, -40.0, 10.0]), np.array([0.0, 0.0, 1.0]), math.radians(8.0), 1280, 720)
    pixels, depth = view.project(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [1.0, 0.0, 1.0], [0.0, -80.0, 10.0]]))
    assert pixels[0] == pytest.approx([640, 360])
    assert pixels[1][1] < pixels[0][1]
    assert pixels[2][0] > pixels[0][0]
    assert depth[0] == pytest.approx(math.hypot(40, 9))
    assert depth[3] < 0
