"""Typed errors: one for each label value of `reason` that a failed request is counted under."""

from typing import ClassVar, Final


class EnercloError(Exception):
    """The request gave no usable answer. `reason` is the label value that it is counted under."""

    reason: ClassVar[str]
    #: Worth one more try at once: the fault may have been the connection's, not the request's.
    retryable: bool = False


class TimedOut(EnercloError):
    """The whole answer was not there within the timeout."""

    reason = "timeout"


class ConnectionFailed(EnercloError):
    """There was no connection, or it broke, or what came was no HTTP."""

    reason = "connection"
    retryable = True


class HttpStatus(EnercloError):
    """An HTTP status other than 200 (a redirect too: following it would carry the token elsewhere)."""

    reason = "http_status"

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.retryable = status in (502, 503, 504)


class RateLimited(EnercloError):
    """HTTP or envelope code 429, or the sibling platform's code for "too frequent".

    `retry_after` is in seconds, None if not said.
    """

    reason = "rate_limited"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unauthorized(EnercloError):
    """The token was refused: HTTP 401 or 403, or one of them as envelope code."""

    reason = "unauthorized"


class NotFound(EnercloError):
    """Envelope code 400, which the vendor documents as "not found", or HTTP 404."""

    reason = "not_found"


class ApiError(EnercloError):
    """Any other envelope code than success."""

    reason = "api_error"


class InvalidPayload(EnercloError):
    """The answer is not what the API documents: not JSON, no envelope, no data, too large."""

    reason = "invalid_payload"


REASONS: Final = tuple(
    error.reason
    for error in (TimedOut, ConnectionFailed, HttpStatus, RateLimited, Unauthorized, NotFound, ApiError, InvalidPayload)
)
