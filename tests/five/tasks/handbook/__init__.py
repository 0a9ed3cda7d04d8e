"""A module judged by a rubric: five points, so many of which pass."""

import ast

import evalkit
from evalkit import Fault, Grade, Measurement, PythonExpression, SubmitAnswer, at_least, readings


class Spec:
    prompt = (
        "Write a module with a function slug(text) that makes a URL slug. Points are given for: a docstring of the "
        "module, a docstring of slug, annotations of its parameter and result, no import, at most 20 lines. Submit the "
        "source."
    )
    answer_schema = {"type": "string"}
    rules = {"points": "Points are given", "source": "Submit the source"}
    tools = (PythonExpression(), SubmitAnswer(answer_schema))


class Task(evalkit.Task):
    kind = "rubric"
    title = "A module by rubric"
    categories = {"no_module": "Not a module with slug", "points": "Too few points", "no_submission": "No submission"}
    graded_by = ("rubric",)

    def spec(self, problem):
        return Spec()

    async def measure(self, attempt, spec, context):
        for text in readings(str(attempt.answer)):
            try:
                tree = ast.parse(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            slug = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "slug"), None)
            if slug is not None:
                return Measurement({"points": sum(self.points(text, tree, slug))})
        return Measurement(fault=Fault("no_module", "It does not define slug"))

    def points(self, text, tree, slug):
        yield ast.get_docstring(tree) is not None
        yield ast.get_docstring(slug) is not None
        yield slug.returns is not None and all(argument.annotation for argument in slug.args.args)
        yield not any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(tree))
        yield len(text.strip().splitlines()) <= 20

    def grade(self, measurement):
        if measurement.fault:
            return Grade.failed(measurement.fault)
        points = measurement.values["points"]
        return Grade.of([at_least(points, self.config.rubric.points, knob="rubric.points")], score=points / 5)
