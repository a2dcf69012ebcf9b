"""What `local up` says when it cannot start: one sentence, exit code 1, nothing left behind."""

import socket
from pathlib import Path

import pytest

from local import up
from local.pidfile import claim


def test_a_busy_port_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert up.main(["--port", str(port), "--data", str(tmp_path / "data")]) == 1
    said = capsys.readouterr()
    assert said.err == f"port {port} is in use: stop what uses it, or give another\n"
    assert not (tmp_path / "data").exists()


def test_a_second_world_on_one_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with claim(tmp_path / "up.pid"):
        assert up.main(["--data", str(tmp_path)]) == 1
    assert "already runs here" in capsys.readouterr().err
