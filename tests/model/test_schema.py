"""The JSON Schema in data/schema is what the records say: an editor accepts what the guide accepts."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from scaling_guide.model.schema import KINDS, REPORTS, schemas, write
from scaling_guide.model.yaml_text import read
from scaling_guide.render.coverage import coverage
from scaling_guide.render.reports import kill_matrix, latest_run
from tests.macros.small_guide import make_check, make_guide, make_mutant, write_proof, write_run
from tests.model.conftest import BAD, GOOD

DATA = Path(__file__).parents[2] / "data"
SCHEMAS = schemas()


def complaints(data: Path, kind: str) -> list[str]:
    """What the schema of `kind` says against its files below `data`."""
    validator = Draft202012Validator(SCHEMAS[kind], format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [
        f"{path}: {error.json_path} {error.message}"
        for path in sorted(data.glob(KINDS[kind].files))
        for error in validator.iter_errors(read(path).value)
    ]


def test_the_published_schemas_are_the_generated_ones(tmp_path: Path) -> None:
    write(tmp_path)
    published = {path.name: json.loads(path.read_text("utf-8")) for path in (DATA / "schema").iterdir()}
    generated = {path.name: json.loads(path.read_text("utf-8")) for path in tmp_path.iterdir()}
    assert published == generated, "run python -m scaling_guide.model.schema"


def test_a_schema_of_a_kind_that_is_gone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_text("{}")
    write(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {*KINDS, *REPORTS}


@pytest.mark.parametrize("kind", [*KINDS, *REPORTS])
def test_a_schema_is_a_valid_schema(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [DATA, GOOD], ids=["real", "good"])
def test_valid_data_passes_its_schema(data: Path, kind: str) -> None:
    assert complaints(data, kind) == []


def test_every_file_of_the_guide_has_a_schema() -> None:
    covered = {path for kind in KINDS.values() for path in DATA.glob(kind.files)}
    assert set(DATA.rglob("*.yml")) - covered == set()


@pytest.mark.parametrize(
    ("fixture", "kind"),
    [
        ("UNKNOWN_KEY", "runbook"),
        ("MISSING_KEY", "sources"),
        ("NOT_ONE_OF", "topic"),
        ("WRONG_VALUE", "environment"),
    ],
)
def test_data_of_wrong_form_fails_its_schema(fixture: str, kind: str) -> None:
    assert complaints(BAD / fixture, kind) != []


@pytest.mark.parametrize(
    "path", sorted((DATA / "measured" / "rehearsals").glob("*.json")), ids=lambda each: each.stem
)
def test_what_was_rehearsed_passes_its_schema(path: Path) -> None:
    Draft202012Validator(SCHEMAS["rehearsal"]).validate(json.loads(path.read_text("utf-8")))


def test_published_reports_pass_their_schemas(tmp_path: Path) -> None:
    fact = make_guide().facts["nginx-read-timeout"]
    write_run(tmp_path / "verify", [make_check(fact)])
    write_proof(tmp_path / "proof" / "kill-matrix.json", {"a@nginx": [make_mutant()]})
    run, matrix = latest_run(tmp_path, "lab"), kill_matrix(tmp_path)
    assert run is not None
    assert matrix is not None
    covered = coverage(make_guide(), tmp_path, run, matrix)
    for name, report in {"results": run, "kill-matrix": matrix, "coverage": covered}.items():
        Draft202012Validator(SCHEMAS[name]).validate(json.loads(report.text()))
        assert type(report).model_validate_json(report.text()) == report
