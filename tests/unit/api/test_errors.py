from exporter.api import errors
from exporter.api.errors import (
    EnercloError,
)


def test_every_reason_has_one_error_and_the_contract_s_name() -> None:
    assert errors.REASONS == (
        "timeout",
        "connection",
        "http_status",
        "rate_limited",
        "unauthorized",
        "not_found",
        "api_error",
        "invalid_payload",
    )
    assert len({error.reason for error in EnercloError.__subclasses__()}) == len(EnercloError.__subclasses__()) == 8
