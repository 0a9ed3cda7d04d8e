"""How long a report of 1,000 runs takes to write, how large it is, and how soon a browser can use it.

    python benchmarks/report.py [--runs 1000] [--turns 10]

The texts are random words, which hardly compress: real conversations make smaller pages. The browser is Debian's
Chromium through Playwright; without it the first two figures are printed alone.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from evalkit.report import write
from evalkit.results.runs import Run
from tests.builders import text
from tests.outputs import cut, failed, passed, write_launch

WORDS_A_TURN = 200


def some_runs(runs: int, turns: int, chance: random.Random) -> list[Run]:
    """Runs of which each says and reads different things in every turn."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    known = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(3000)]

    def words() -> str:
        return " ".join(chance.choices(known, k=WORDS_A_TURN))

    made = []
    for number in range(1, runs + 1):
        run = (
            cut(number, steps=turns, limit=1500)
            if number % 3 == 0
            else (passed, failed)[number % 2](number, steps=turns)
        )
        told = []
        for turn in run.rollout.turns:
            content = [text(words()), *turn.response["content"]]
            printed = json.dumps({"result": words(), "error": None})
            reply = turn.reply and ({**turn.reply[0], "content": printed},)
            told.append(replace(turn, response={**turn.response, "content": content}, reply=reply))
        made.append(replace(run, rollout=replace(run.rollout, turns=tuple(told))))
    return made


def in_browser(page: Path, runs: int) -> dict[str, float]:
    """Seconds until the table can be used, until a filter answered, and until the last conversation is open."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        tab = browser.new_page()
        start = time.perf_counter()
        tab.goto(page.as_uri(), wait_until="commit")
        tab.wait_for_selector("#table tbody tr")
        usable = time.perf_counter()
        tab.fill("#query", "limit reached")
        tab.locator("#shown", has_text=" of ").wait_for()
        filtered = time.perf_counter()
        tab.evaluate(f"location.hash = 'run-{runs}'")
        tab.wait_for_selector(".turn")
        opened = time.perf_counter()
        browser.close()
    return {"usable_s": usable - start, "filter_s": filtered - usable, "open_s": opened - filtered}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        folder = write_launch(Path(home) / "launch", some_runs(options.runs, options.turns, random.Random(0)))
        start, cpu = time.perf_counter(), time.process_time()
        path = write(folder)
        print(f"written in {time.perf_counter() - start:.2f} s ({time.process_time() - cpu:.2f} s of CPU)")
        print(f"size {path.stat().st_size / 1e6:.1f} MB")
        if shutil.which("chromium") is None:
            print("no chromium: not opened")
            return
        for name, seconds in in_browser(path, options.runs).items():
            print(f"{name} {seconds:.2f}")


if __name__ == "__main__":
    main()
