import socket

from marskit.ports import LOOPBACK, PortPicker, is_free


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_ports_do_not_come_again_soon_and_never_run_out() -> None:
    picker = PortPicker()
    picked = [picker.pick() for _ in range(13_000)]
    assert all(len(set(picked[i : i + 1000])) == 1000 for i in range(0, 13_000, 1000))
