"""Working directories on the host: gone at the end, whoever else deletes or writes at the same time."""

import threading
from pathlib import Path

from evalkit.sandbox.local import scratch_directories


def test_a_process_that_must_end_at_once_deletes_what_others_delete_and_write(tmp_path: Path) -> None:
    base = tmp_path / "base"
    for number in range(300):
        (base / str(number)).mkdir(parents=True)
        (base / str(number) / "file").write_text("x")
    stop = threading.Event()

    def write() -> None:
        while base.exists() and not stop.is_set():
            try:
                (base / "299" / "again").write_text("x")
            except OSError:
                stop.wait(0.001)

    def delete() -> None:
        for number in range(300):
            scratch_directories._delete(base / str(number))

    others = [threading.Thread(target=work) for work in (write, delete)]
    for other in others:
        other.start()
    scratch_directories._delete_for_good(base)
    stop.set()
    for other in others:
        other.join()
    assert not base.exists()
