"""A forecasting function, run in a restricted child against a relative metric over fixed seeds."""

import math
import random

import evalkit
from evalkit import PURE, Fault, Grade, Measurement, PythonExpression, SubmitAnswer, at_most, fault_of

SEEDS = range(8)


def series(seed):
    """A line, a wave and noise."""
    rng = random.Random(seed)
    slope, height = rng.uniform(0.5, 2), rng.uniform(1, 4)
    return [slope * t + height * math.sin(t / 3) + rng.gauss(0, 0.3) for t in range(40)]


class Spec:
    prompt = (
        "Write the source of forecast(values), which gets the 39 values of a series with trend, wave and noise and "
        "returns the next one as a number. Only pure builtins and modules such as math may be used. Its mean absolute "
        "error over hidden series is compared with that of repeating the last value. Submit the source."
    )
    answer_schema = {"type": "string"}
    rules = {"number": "as a number", "pure": "Only pure builtins", "metric": "compared with that of repeating"}
    tools = (PythonExpression(), SubmitAnswer(answer_schema))


class Task(evalkit.Task):
    kind = "score"
    title = "Forecast a series"
    categories = {"forbidden": "Breaks the rule", "crash": "It raises", "ratio": "Worse", "format": "No number",
                  "timeout": "Too slow", "no_submission": "No submission"}  # fmt: skip
    graded_by = ("tolerances",)

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        error = naive = 0.0
        async with context.sandbox.function(str(attempt.answer), "forecast", builtins=PURE, timeout_s=2) as forecast:
            for *past, last in map(series, SEEDS):
                reply = await forecast(past)
                if fault := fault_of(reply, raised="crash", other="crash"):
                    return Measurement(fault=fault)
                if not isinstance(reply.value, (int, float)) or not math.isfinite(reply.value):
                    return Measurement(fault=Fault("format", f"It returned {reply.value!r:.50}"))
                error, naive = error + abs(reply.value - last), naive + abs(past[-1] - last)
        return Measurement({"ratio": min(error / naive, 1e300)})

    def grade(self, measurement):
        if measurement.fault:
            return Grade.failed(measurement.fault)
        return Grade.of([at_most(measurement.values["ratio"], self.config.tolerances.ratio, knob="tolerances.ratio")])
