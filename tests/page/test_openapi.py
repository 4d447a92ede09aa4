"""The OpenAPI document says what the server does: a tool that reads it and asks finds no difference."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
import schemathesis
from hostile_texts import Hostile, id_of
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.checks import positive_data_acceptance
from visitor import port_of, served

from knowscape.page.limits import Limits
from knowscape.page.openapi import openapi

# Of each operation; `make soak` asks for more.
FEW, MANY = 40, 1500
QUICK = {"deadline": None, "phases": [Phase.generate], "suppress_health_check": list(HealthCheck), "derandomize": True}


@pytest.fixture(scope="module")
def address(hostile: Hostile) -> Iterator[str]:
    with served(hostile.page, hostile.api, limits=Limits(rate=1e6, burst=10**6)) as found:
        yield found


def schema() -> Any:
    return schemathesis.openapi.from_dict(openapi(token=False))


def test_the_server_hands_out_the_document(address: str) -> None:
    connection = HTTPConnection("127.0.0.1", port_of(address), timeout=30)
    connection.request("GET", "/api/openapi.json", headers={"Host": address[7:-1]})
    told = json.loads(connection.getresponse().read())
    connection.close()
    assert told == openapi(token=False)
    assert told["openapi"].startswith("3.1")
    assert openapi(token=True)["security"] == [{"token": []}]


@schema().parametrize()
@settings(max_examples=FEW, **QUICK)
def test_schemathesis_finds_nothing(case: Any, address: str) -> None:
    hold_against(case, address)


@pytest.mark.soak
@schema().parametrize()
@settings(max_examples=MANY, **QUICK)
def test_schemathesis_finds_nothing_in_many_more_requests(case: Any, address: str) -> None:
    hold_against(case, address)


def hold_against(case: Any, address: str) -> None:
    """Ask, and hold the answer against every check; an id of the atlas stands for some of those that are made up."""
    if isinstance(case.query, dict) and len(str(case.query.get("id", ""))) % 2:
        case.query["id"] = id_of(len(case.query["id"]) % 40)
    # That a condition has the right form no schema can say.
    excluded = [positive_data_acceptance] if isinstance(case.query, dict) and "filter" in case.query else []
    case.call_and_validate(base_url=address, timeout=30, excluded_checks=excluded)


def test_the_checks_are_those_that_were_looked_at() -> None:
    wanted = {
        "not_a_server_error",
        "status_code_conformance",
        "response_schema_conformance",
        "content_type_conformance",
    }
    assert wanted | {"negative_data_rejection", "positive_data_acceptance", "unsupported_method"} <= set(
        CHECKS.get_all_names()
    )
