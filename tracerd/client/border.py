"""What happens in this package stays here: no exception of ours, or of a value that we read, reaches the program.

Exceptions that the program raises into whatever runs at the moment, from a signal handler or another thread, are its
own, such as a timeout or a Ctrl-C: they pass.
"""

from __future__ import annotations

import functools

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import ParamSpec, TypeGuard, TypeVar

    _P = ParamSpec("_P")
    _Result = TypeVar("_Result")

_PACKAGE = __name__.rpartition(".")[0]


def keep(error: BaseException) -> None:
    """Do nothing about an exception that is not the program's, and raise one that is.

    Raises:
        BaseException: The same exception.
    """
    if _is_the_programs(error):
        raise error


def kept(result: _Result) -> Callable[[Callable[_P, _Result]], Callable[_P, _Result]]:
    """A decorator: the function returns this result where it would raise an exception that is not the program's."""

    def decorate(function: Callable[_P, _Result]) -> Callable[_P, _Result]:
        @functools.wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _Result:
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                keep(error)
                return result

        return call

    return decorate


def _is_the_programs(error: BaseException) -> bool:
    if isinstance(error, KeyboardInterrupt):
        return True
    frame = None
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if _is_signal_handler(frame):
            return True
        trace = trace.tb_next
    # Nothing that we call raises, say, SystemExit in our own code: another thread has put it there.
    is_raised_here = frame is not None and str(frame.f_globals.get("__name__")).startswith(_PACKAGE)
    return is_raised_here and not isinstance(error, Exception)


def _is_signal_handler(frame: FrameType) -> bool:
    """Whether the frame was given the one that it interrupts: only handlers of signals are."""
    caller = frame.f_back
    for value in frame.f_locals.values():
        if value is caller or (_is_tuple(value) and any(one is caller for one in value)):  # `*args` is a tuple
            return caller is not None
    return False


def _is_tuple(value: object) -> TypeGuard[tuple[object, ...]]:
    return type(value) is tuple  # not isinstance, which asks the value
