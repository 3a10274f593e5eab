"""The base of all explorers: state, pictures, words, errors, and the newest position winning."""

from __future__ import annotations

import asyncio
import io
import json
import time

import numpy as np
import pytest
from PIL import Image

from course_utils import widgets
from course_utils.errors import CourseError


def grey(state) -> np.ndarray:
    return np.full((20, 30, 3), state.t, dtype=np.uint8)


def explorer(draw=grey, **more) -> widgets.Explorer:
    return widgets.Explorer(draw, alt="A grey sheet.", t=widgets.whole(0, 200, start=7, label="step t"), **more)


def shown(e: widgets.Explorer) -> np.ndarray:
    """The picture that was sent to the browser."""
    return np.asarray(Image.open(io.BytesIO(e._picture.value)))


def test_state_has_every_control_by_name():
    e = widgets.Explorer(
        lambda state: np.zeros((4, 4), np.uint8),
        alt="Black.",
        n=widgets.whole(1, 9, start=3),
        w=widgets.real(-2, 8, start=1.5),
        sampler=widgets.choice({"slow": 1000, "fast": 10}, start=10),
        cond=widgets.toggle(True),
    )
    assert vars(e.state) == {"n": 3, "w": 1.5, "sampler": 10, "cond": True}
    e.set(n=4, w=-2, sampler=1000, cond=False)
    assert vars(e.state) == {"n": 4, "w": -2, "sampler": 1000, "cond": False}
    assert [control.description for control in e.widgets.values()] == ["n", "w", "sampler", "cond"]


def test_the_first_picture_is_there_at_once_and_follows():
    e = explorer()
    assert shown(e)[0, 0].tolist() == [7, 7, 7]
    e.set(t=80)
    assert shown(e)[0, 0].tolist() == [80, 80, 80]
    assert np.asarray(e.image)[0, 0, 0] == 80


def test_the_picture_has_a_fixed_size():
    e = explorer(width=300)
    assert (e._picture.width, e._picture.height) == ("300", "200")
    sizes = iter([(20, 30), (40, 60), (40, 60), (40, 60)])
    e = explorer(draw=lambda state: np.zeros((*next(sizes), 3), np.uint8))
    e.set(t=9)
    assert shown(e).shape == (20, 30, 3)


def test_words_say_the_position():
    e = explorer()
    assert e.says == "step t 7"
    e = explorer(say=lambda state: f"t is <{state.t}>")
    e.set(t=9)
    assert e.says == "t is <9>" and e._text.value == "t is &lt;9&gt;"


def test_an_error_is_one_sentence_and_the_last_good_picture_stays():
    def draw(state):
        if state.t == 13:
            raise ValueError("thirteen\nis <not> drawn")
        return grey(state)

    e = explorer(draw=draw)
    e.set(t=12)
    e.set(t=13)
    assert shown(e)[0, 0, 0] == 12
    assert e.error == "No picture for this position (ValueError: thirteen is <not> drawn)."
    assert "&lt;not&gt;" in e._trouble.value and e._trouble.layout.display is None
    e.set(t=14)
    assert shown(e)[0, 0, 0] == 14
    assert e.error == "" and e._trouble.value == "" and e._trouble.layout.display == "none"


def test_a_first_picture_that_fails_says_so():
    with pytest.raises(CourseError, match="ZeroDivisionError"):
        explorer(draw=lambda state: 1 / 0)


@pytest.mark.parametrize("picture", [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), "picture", None])
def test_what_draw_returns_is_checked(picture):
    with pytest.raises(CourseError, match=r"return a PIL image, or a numpy array uint8 \(H, W, 3\)"):
        explorer(draw=lambda state: picture)


def test_helpful_sentences_about_controls():
    with pytest.raises(CourseError, match="smaller"):
        widgets.whole(5, 5, label="t")
    with pytest.raises(CourseError, match="outside of 0 to 1"):
        widgets.real(0, 1, start=2, label="w")
    with pytest.raises(CourseError, match="not among"):
        widgets.choice(["a"], start="b", label="letter")
    with pytest.raises(CourseError, match="no options"):
        widgets.choice([], label="letter")
    with pytest.raises(CourseError, match=r"widgets\.whole"):
        widgets.Explorer(grey, alt="x", t=3)
    with pytest.raises(CourseError, match="no control 's'; it has t"):
        explorer().set(s=3)


def test_the_output_holds_a_live_view_and_a_still_picture():
    e = explorer()
    data, metadata = e._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == e._box.model_id
    assert data["image/png"][:4] == "iVBO"
    assert metadata["image/png"]["alt"] == "A grey sheet. step t 7"
    assert "text/html" not in data  # JupyterLab takes pictures out of untrusted HTML


def test_names_for_screen_readers_are_in_the_page():
    e = explorer(name='The "grey" explorer')
    html = e._helper.value
    assert 'data-name="The &quot;grey&quot; explorer"' in html and 'data-alt="A grey sheet."' in html
    assert "http" not in html


# ---- the newest position wins


def slow_explorer() -> tuple[widgets.Explorer, list[int]]:
    drawn: list[int] = []

    def draw(state):
        drawn.append(state.t)
        time.sleep(0.2)
        return grey(state)

    return explorer(draw=draw), drawn


def test_twenty_changes_in_one_turn_draw_once():
    e, drawn = slow_explorer()

    async def move():
        for t in range(101, 121):
            e.widgets["t"].value = t
        await asyncio.sleep(0.4)

    asyncio.run(move())
    assert drawn == [7, 120] and shown(e)[0, 0, 0] == 120


def test_changes_that_come_one_by_one_while_it_draws_are_skipped():
    e, drawn = slow_explorer()

    async def move():
        for t in range(101, 121):  # 20 positions in about half a second
            e.widgets["t"].value = t
            await asyncio.sleep(0.025)
        await asyncio.sleep(0.6)

    asyncio.run(move())
    assert drawn[-1] == 120 and shown(e)[0, 0, 0] == 120
    assert len(drawn) <= 12


def test_a_hand_that_never_rests_still_sees_pictures():
    e = explorer()

    async def move():
        for i in range(400):
            e.widgets["t"].value = 1 + i % 200
            await asyncio.sleep(0.001)

    before = e.draws
    asyncio.run(move())
    assert e.draws - before >= 2


def test_reading_the_picture_catches_up():
    e, drawn = slow_explorer()

    async def move():
        e.widgets["t"].value = 55
        assert np.asarray(e.image)[0, 0, 0] == 55
        await asyncio.sleep(0.3)

    asyncio.run(move())
    assert drawn == [7, 55]  # and the task that was already waiting did not draw it again


KERNEL_CODE = """
import json, time, numpy as np
from course_utils import widgets
drawn = []
def draw(state):
    drawn.append(state.t)
    time.sleep(0.2)
    return np.full((20, 30, 3), state.t, dtype=np.uint8)
e = widgets.Explorer(draw, alt="Grey.", t=widgets.whole(0, 200, start=7))
print(json.dumps(e.widgets["t"].model_id))
"""
AFTER = """
import io
from PIL import Image
print(json.dumps([drawn, int(np.asarray(Image.open(io.BytesIO(e._picture.value)))[0, 0, 0])]))
"""


def run_and_read(client, code: str):
    """Run code in a kernel; gives what it printed, as JSON."""
    printed: list[str] = []

    def keep(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=60, output_hook=keep)
    assert reply["content"]["status"] == "ok", reply["content"]
    return json.loads("".join(printed).strip().splitlines()[-1])


def test_in_a_real_kernel_twenty_queued_messages_draw_few_pictures_and_the_last_wins():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        slider = run_and_read(client, KERNEL_CODE)
        for t in range(101, 121):  # as a browser sends them, without waiting
            data = {"method": "update", "state": {"value": t}, "buffer_paths": []}
            client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": slider, "data": data}))
        time.sleep(1.2)
        drawn, last = run_and_read(client, AFTER)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert drawn[0] == 7 and drawn[-1] == 120 and last == 120
    assert len(drawn) <= 4, f"positions that were passed were drawn: {drawn}"
