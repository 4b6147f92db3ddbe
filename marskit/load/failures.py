"""What kind of failure it is when a request gets no answer, or not the one that was expected."""

import errno
from collections.abc import Iterator

from marskit.domain.load import RequestFailure

_BY_ERRNO = {
    errno.ECONNREFUSED: RequestFailure.REFUSED,
    errno.ECONNRESET: RequestFailure.RESET,
    errno.ECONNABORTED: RequestFailure.RESET,
    errno.EPIPE: RequestFailure.RESET,
    errno.ENOTCONN: RequestFailure.RESET,
    errno.ETIMEDOUT: RequestFailure.TIMED_OUT,
}
# Names, because the client's own exceptions may only be imported where Locust runs.
_BY_NAME = {
    "ConnectionRefusedError": RequestFailure.REFUSED,
    "ConnectionResetError": RequestFailure.RESET,
    "ConnectionAbortedError": RequestFailure.RESET,
    "BrokenPipeError": RequestFailure.RESET,
    "HTTPConnectionClosed": RequestFailure.RESET,
    "IncompleteRead": RequestFailure.RESET,
    "RemoteDisconnected": RequestFailure.RESET,
    "Timeout": RequestFailure.TIMED_OUT,
    "TimeoutError": RequestFailure.TIMED_OUT,
    "timeout": RequestFailure.TIMED_OUT,
}


def without_answer(error: BaseException | None) -> RequestFailure:
    """The kind of failure of a request that was sent and got no answer."""
    for each in _causes(error):
        if (kind := _BY_NAME.get(type(each).__name__)) is not None:
            return kind
        if isinstance(each, OSError) and each.errno in _BY_ERRNO:
            return _BY_ERRNO[each.errno]
    return RequestFailure.OTHER


def with_answer(status: int, *, expected_status: bool) -> RequestFailure:
    """The kind of failure of a request whose answer is not the expected one."""
    if not expected_status and 400 <= status < 500:
        return RequestFailure.STATUS_4XX
    if not expected_status and status >= 500:
        return RequestFailure.STATUS_5XX
    return RequestFailure.WRONG_ANSWER


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that it wraps, in whatever way."""
    todo, seen = [error], set[int]()
    while todo:
        each = todo.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        todo += [each.__cause__, each.__context__]
        todo += [arg for arg in each.args if isinstance(arg, BaseException)]
