"""The application: paths, and what answers them."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi import Query as FromQuery
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from accelnas import Benchmark, __version__
from accelnas.errors import MetricError
from accelnas.exact.artifacts import described
from accelnas.exact.questions import BestQuestion, CountQuestion, FrontQuestion, Question
from accelnas.serve import models
from accelnas.serve.content import written
from accelnas.serve.http import answer_errors, answered, limited_route
from accelnas.serve.limits import Limits
from accelnas.serve.predictions import measured, predicted, sampled
from accelnas.serve.questions import Questions
from accelnas.serve.stream import Streamed

__all__ = ["create_app"]

_SUMMARIES: dict[type[Question], str] = {
    BestQuestion: "The best architectures of the whole space, proven",
    FrontQuestion: "The Pareto front of the whole space, proven",
    CountQuestion: "How many architectures of the whole space meet constraints, exactly",
}
_FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": models.Failure, "description": "The body is no JSON."},
    408: {"model": models.Failure, "description": "The body came too slowly."},
    413: {"model": models.Failure, "description": "The request is larger than the server allows."},
    415: {"model": models.Failure, "description": "The body is said to be something else than JSON."},
    422: {"model": models.Failure, "description": "Something asked for is not there or out of range."},
    503: {"model": models.Failure, "description": "It took too long, or others are being answered."},
}
_LINES = {"application/x-ndjson": {"schema": {"type": "string"}, "example": f'"{models.EXAMPLE}"\n'}}

_DESCRIPTION = (
    "Predictions, simulated measurements, and exact answers about the whole search space. Errors are objects with "
    "`error`, the kind, and `message`, which says what to do."
)


def create_app(bench: Benchmark, limits: Limits | None = None) -> FastAPI:
    """Make an application that answers questions to a benchmark.

    Parameters
    ----------
    bench : Benchmark
        What is asked.
    limits : Limits, optional
        How much a client may ask for.

    Returns
    -------
    FastAPI
        ``/docs`` and ``/openapi.json`` describe its paths. Numbers are those of the benchmark's methods.

    Raises
    ------
    ArtifactError
        If a metric's file is damaged.

    Examples
    --------
    >>> import accelnas
    >>> create_app(accelnas.load()).title
    'accelnas: mnasnet'
    """
    limits = limits or Limits()
    _warm(bench)
    app = FastAPI(title=f"accelnas: {bench.name}", version=__version__, description=_DESCRIPTION)
    app.router.route_class = limited_route(limits)
    answer_errors(app)
    _add_benchmark(app, bench, limits)
    questions = Questions(bench, limits)
    for question, summary in _SUMMARIES.items():
        _add_question(app, questions, question, models.question_model(question, limits), summary)
    return app


def _warm(bench: Benchmark) -> None:
    """Read all that predictions need now, rather than while the first clients wait."""
    arch = bench.space.sample(1)
    exact = [metric for metric in bench.metrics.values() if metric.exact]
    bench.predict(arch, [metric.name for metric in exact], return_std=True)
    for metric in exact:
        if metric.calibrated:
            bench.predict_interval(arch, metric.name, level=0.5)


def _add_benchmark(app: FastAPI, bench: Benchmark, limits: Limits) -> None:
    information = written(_information(bench, limits))

    @app.head("/info", include_in_schema=False)
    @app.get("/info", summary="The benchmark and the server's limits", responses={200: {"model": models.Information}})
    async def info() -> Response:
        return answered(information)

    @app.post("/predict", summary="Predict metrics", responses={200: {"model": models.Predictions}, **_FAILURES})
    async def predict(asked: models.Predict) -> Response:
        return answered(await run_in_threadpool(predicted, bench, limits, asked))

    @app.post(
        "/predict/stream",
        summary="Predict metrics of a stream, line by line",
        description="Each line is one architecture, as JSON. Its answer is a line, too: an object of metrics, or of "
        "`error`, `message` and `line`. Read answers while you send: what is not read is not computed.",
        responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}, **_FAILURES},
        openapi_extra={"requestBody": {"required": True, "content": _LINES}},
    )
    async def predict_stream(asked: Annotated[models.Options, FromQuery()]) -> Response:
        if unknown := [name for name in asked.metrics or () if name not in bench.metrics]:
            raise MetricError(f"no metric {unknown[0]!r}; choose from {', '.join(bench.metrics)}")
        return Streamed(bench, limits, asked)

    @app.post("/query", summary="Simulate measurements", responses={200: {"model": models.Measurements}, **_FAILURES})
    async def query(asked: models.Query) -> Response:
        return answered(await run_in_threadpool(measured, bench, limits, asked))

    @app.post("/sample", summary="Draw architectures", responses={200: {"model": models.Sampled}, **_FAILURES})
    async def sample(asked: models.Sample) -> Response:
        return answered(await run_in_threadpool(sampled, bench, limits, asked))


def _add_question(
    app: FastAPI, questions: Questions, question: type[Question], model: type[BaseModel], summary: str
) -> None:
    async def answer(request: Request, asked: Any) -> Response:
        async def left() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        given = asked.model_dump(exclude={"certificate"})
        status, body = await questions.answer({"question": question.name, **given}, asked.certificate, left)
        return answered(body, status)

    answer.__annotations__["asked"] = model
    answer.__name__ = question.name
    app.post(f"/{question.name}", summary=summary, responses={200: {"model": models.Answer}, **_FAILURES})(answer)


def _information(bench: Benchmark, limits: Limits) -> dict[str, Any]:
    space, said = bench.space, ("description", "noise", "members", "exact")
    origins = described(bench, bench.metrics)
    return {
        "name": bench.name,
        "accelnas": __version__,
        "metrics": {
            name: {**{field: getattr(metric, field) for field in said}, **origins[name]}
            for name, metric in bench.metrics.items()
        },
        "space": {
            "name": space.name,
            "sha256": space.sha256,
            "size": space.size,
            "variables": {variable.name: list(variable.choices) for variable in space.variables},
        },
        "limits": asdict(limits),
    }
