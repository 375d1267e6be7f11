"""What requests and answers hold; the questions' fields are those of `accelnas.exact.questions`."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

if TYPE_CHECKING:
    from accelnas.exact.questions import Question
    from accelnas.serve.limits import Limits

__all__ = [
    "Answer",
    "Failure",
    "Information",
    "Measurements",
    "Options",
    "Predict",
    "Predictions",
    "Query",
    "Sample",
    "Sampled",
    "question_model",
]

EXAMPLE = "e1_k3_l1_se1-e6_k3_l2_se1-e6_k5_l2_se1-e6_k3_l3_se1-e6_k5_l3_se1-e6_k5_l4_se1-e6_k3_l1_se1"
_FORMS = {
    "items": {
        "anyOf": [
            {"type": "string", "description": "As accelnas writes it."},
            {"type": "array", "items": {"type": "integer"}, "description": "The choice index of every variable."},
            {"type": "object", "description": "The choice of every variable, by its name."},
            {"type": "integer", "description": "Index in the space."},
        ]
    },
    "examples": [[EXAMPLE]],
}
Architectures = Annotated[
    list[Any], Field(description="Architectures, all in the same form.", json_schema_extra=_FORMS)
]
Metrics = Annotated[
    list[str] | None, Field(description="Names of metrics; all by default.", examples=[["accuracy", "latency_zcu102"]])
]
# how a question's fields are written in JSON
_WRITTEN: dict[str, Any] = {
    "objective": str | Annotated[list[str], Field(min_length=2, max_length=2)],
    "objectives": list[str | Annotated[list[str], Field(min_length=2, max_length=2)]],
    "subject_to": str | list[str] | dict[str, Annotated[list[float | None], Field(min_length=2, max_length=2)]],
    "within": dict[str, Any] | None,
    "k": int,
    "risk": float,
    "max_points": int,
}
_EXAMPLES: dict[str, Any] = {
    "objective": "accuracy",
    "objectives": ["accuracy", "latency_zcu102"],
    "subject_to": ["latency_zcu102 <= 5"],
    "within": {"block0_e": [1, 4], "block6_e": 6},
}


class Strict(BaseModel):
    """Fields of a body: none is unknown, and a text is no number."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Options(BaseModel):
    """What is predicted."""

    model_config = ConfigDict(extra="forbid")

    metrics: Metrics = None
    std: Annotated[bool, Field(description="Add the standard deviation of a measurement around each mean.")] = False
    interval: Annotated[
        float | None,
        Field(description="Add intervals that hold a measurement with this probability.", examples=[0.9]),
    ] = None
    dtype: Annotated[Literal["float32", "float64"], Field(description="Precision.")] = "float32"


class Predict(Options):
    """Architectures to predict."""

    model_config = ConfigDict(strict=True, extra="forbid")

    architectures: Architectures


class Query(Strict):
    """Architectures to measure once, simulated."""

    architectures: Architectures
    metrics: Metrics = None
    seed: Annotated[int, Field(description="The same seed gives the same measurements.", ge=0, lt=2**64)]
    std: Annotated[
        Literal["repeat", "total"],
        Field(description="The noise of one more measurement, or the error of predictions."),
    ] = "repeat"


class Sample(Strict):
    """Random architectures to draw."""

    count: Annotated[int, Field(description="How many.", ge=0)] = 10
    seed: Annotated[int, Field(description="The same seed gives the same architectures.", ge=0, lt=2**64)] = 0
    unique: Annotated[bool, Field(description="Draw without repetition.")] = False


class Column(BaseModel):
    """Numbers of a metric in its unit, in the order of the architectures."""

    mean: list[float]
    std: list[float] | None = None
    lower: list[float] | None = None
    upper: list[float] | None = None


class Predictions(BaseModel):
    """Predictions by metric."""

    predictions: dict[str, Column]


class Measurements(BaseModel):
    """Simulated measurements by metric."""

    measurements: dict[str, list[float]]


class Sampled(BaseModel):
    """Random architectures."""

    architectures: list[str]


class Answer(BaseModel):
    """A proven answer about the whole space."""

    result: Annotated[dict[str, Any], Field(description="What was found, as the certificate records it.")]
    bound: Annotated[str, Field(description="What is proven of all other architectures.")]
    certificate: Annotated[dict[str, Any] | None, Field(description="For accelnas verify, if it was asked for.")] = None


class Information(BaseModel):
    """The benchmark that is served, and the server's limits."""

    name: str
    accelnas: Annotated[str, Field(description="Version.")]
    metrics: Annotated[
        dict[str, dict[str, Any]],
        Field(description="By name: description, unit, direction, noise, members, SHA-256 of the file or expression."),
    ]
    space: Annotated[dict[str, Any], Field(description="Name, SHA-256, size, and the variables with their choices.")]
    limits: dict[str, float | None]


class Failure(BaseModel):
    """Why there is no answer."""

    error: Annotated[str, Field(description="Kind of error.", examples=["SpaceError"])]
    message: Annotated[str, Field(description="What was found, what was expected, and what to do.")]


def question_model(question: type[Question], limits: Limits) -> type[BaseModel]:
    """Describe a kind of question as a body."""
    described: dict[str, Any] = {}
    for entry in fields(question):
        ends: dict[str, Any] = {}
        if "most" in entry.metadata:
            ends = {"ge": entry.metadata["least"], "le": min(entry.metadata["most"], limits.points)}
        default = ... if entry.default is MISSING else entry.default
        if entry.name == "subject_to" and default == ():
            default = []
        if "le" in ends and default is not ...:
            default = min(default, ends["le"])
        examples = [_EXAMPLES[entry.name]] if entry.name in _EXAMPLES else None
        told = Field(default, description=entry.metadata["help"], examples=examples, **ends)
        described[entry.name] = (_WRITTEN[entry.name], told)
    told = Field(False, description="Add the certificate.")
    name = f"{question.name.capitalize()}Question"
    return create_model(name, __base__=Strict, __doc__=question.__doc__, **described, certificate=(bool, told))
