import random
import socket

import pytest

from marskit.system.free_ports import LOOPBACK, PortPicker, is_free


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_ports_do_not_come_again_soon_and_never_run_out() -> None:
    picker = PortPicker()
    picked = [picker.pick() for _ in range(13_000)]
    assert all(len(set(picked[i : i + 64])) == 64 for i in range(0, 12_992, 64))


def test_two_runs_that_reach_for_the_same_port_never_get_it_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "SystemRandom", lambda: random.Random(1))
    ours, theirs = PortPicker(), PortPicker()
    assert not {ours.pick() for _ in range(20)} & {theirs.pick() for _ in range(20)}


def test_a_run_that_is_over_holds_no_port() -> None:
    picker = PortPicker()
    port = picker.pick()
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        with pytest.raises(OSError, match="in use"):
            other.bind((LOOPBACK, port))
        del picker
        other.bind((LOOPBACK, port))
