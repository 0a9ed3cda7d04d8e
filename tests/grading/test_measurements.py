"""Measurements on disk: made once, made again where damaged, and never the reason why a run has no grade."""

import json

import pytest

from evalkit.grading.measurements import Measurements
from evalkit.task.grade import Measurement


class Grader:
    def __init__(self):
        self.asked = 0

    async def measure(self) -> Measurement:
        self.asked += 1
        return Measurement({"error": 0.5})


async def test_a_submission_is_measured_once(tmp_path):
    grader = Grader()
    for _ in range(2):
        assert await Measurements(tmp_path / "m" / "key").get(1, "x", grader.measure) == Measurement({"error": 0.5})
    assert grader.asked == 1
    await Measurements(tmp_path / "m" / "key").get(1, "another answer", grader.measure)
    assert grader.asked == 2


@pytest.mark.parametrize("content", ["", "{", "null", "[]", "{}", '{"answer": 1}', "[" * 100_000])
async def test_a_damaged_measurement_is_made_again(tmp_path, content):
    grader = Grader()
    folder = tmp_path / "m" / "key"
    await Measurements(folder).get(1, "x", grader.measure)
    path = folder / "0001.json"
    whole = path.read_bytes()
    answer = json.loads(whole)["answer"]
    for damaged in (content, json.dumps({"answer": answer, "values": 1, "fault": 3})):
        path.write_text(damaged)
        await Measurements(folder).get(1, "x", grader.measure)
        assert path.read_bytes() == whole
    assert grader.asked == 3


async def test_a_measurement_that_cannot_be_kept_counts_all_the_same(tmp_path):
    (tmp_path / "m").write_text("a file where the folder should be")
    assert await Measurements(tmp_path / "m" / "key").get(1, "x", Grader().measure) == Measurement({"error": 0.5})
