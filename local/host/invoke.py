"""How is a function's code called, and with what?

Values go through the converters of `azure.functions.meta`, the same ones the Python worker uses.
Never decides what a failure means: it reports one and lets the caller say.

Rules:
- async functions run on the host's event loop, sync ones in threads, as in the real worker;
- orchestrators and entities are sync and quick: they run where they are called;
- whatever user code raises becomes a FunctionError with the text and the stack; a
  CancelledError that user code caused by itself is a failure too, the host's own is not.
"""

import asyncio
import contextvars
import os
import threading
import traceback
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import azure.functions as func
from azure.functions import meta

from local.host.app import Function


def converter(binding: str) -> Any:
    """The class of `azure.functions.meta` that converts values of `binding`."""
    registry: Any = meta.get_binding_registry()  # type: ignore[no-untyped-call]
    return registry.get(binding)


class FunctionError(Exception):
    """User code raised: `message` is the exception's text, `kind` its type, `stack` the trace."""

    def __init__(self, cause: BaseException) -> None:
        self.kind = type(cause).__name__
        self.message = str(cause)
        self.stack = "".join(traceback.format_exception(cause))
        super().__init__(f"{self.kind}: {self.message}")


class InvocationContext(func.Context):
    """What a function that asks for `context` is given."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._invocation_id = str(uuid.uuid4())
        self._local = threading.local()

    @property
    def invocation_id(self) -> str:
        """The id of this call."""
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        """Storage of the calling thread."""
        return self._local

    @property
    def function_name(self) -> str:
        """The function's name."""
        return self._function.name

    @property
    def function_directory(self) -> str:
        """Where the app lies."""
        return str(self._function.directory)

    @property
    def trace_context(self) -> Any:
        """None: the local host traces nothing."""
        return None

    @property
    def retry_context(self) -> Any:
        """None: the local host retries no trigger."""
        return None


class Invoker:
    """Calls functions, on the loop or in its own threads."""

    def __init__(self) -> None:
        count = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT")
        self._threads = ThreadPoolExecutor(int(count) if count else None, "function")
        self._stopping = False

    def stop(self) -> None:
        """Abandon what still waits for a thread; what runs in one cannot be stopped."""
        self._stopping = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def run_inline(self, function: Function, payload: str) -> str:
        """Call an orchestrator or entity with the extension's JSON, giving the SDK's JSON."""
        codec = converter(function.trigger.type)
        try:
            value = codec.decode(meta.Datum(payload, "string"), trigger_metadata=None)
            answer = function.call(**{function.trigger.name: value})
        except (Exception, SystemExit) as cause:
            raise FunctionError(cause) from cause
        encoded: str = codec.encode(answer, expected_type=None).value
        return encoded

    async def run_activity(self, function: Function, payload: str) -> str:
        """Call an activity with its JSON input, giving its JSON result."""
        codec = converter(function.trigger.type)
        try:
            value = codec.decode(meta.Datum(payload, "string"), trigger_metadata=None)
        except ValueError as cause:
            raise FunctionError(cause) from cause
        answer = await self.run(function, {function.trigger.name: value})
        try:
            encoded: str = codec.encode(answer, expected_type=None).value
        except ValueError as cause:
            raise FunctionError(cause) from cause
        return encoded

    async def run(self, function: Function, values: Mapping[str, Any]) -> Any:
        """Call a function with converted values; FunctionError if it raises."""
        given = dict(values)
        if function.takes_context:
            given["context"] = InvocationContext(function)
        try:
            if function.is_async:
                return await function.call(**given)
            work = partial(contextvars.copy_context().run, partial(function.call, **given))
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except asyncio.CancelledError as cause:
            if self._stopping:
                raise
            raise FunctionError(cause) from cause
        except (Exception, SystemExit) as cause:
            raise FunctionError(cause) from cause
