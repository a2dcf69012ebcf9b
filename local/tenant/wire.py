"""What becomes of a connection that is to end without an answer?

Answers whether the caller has hung up, and ends a connection abruptly. Never answers.
"""

from aiohttp import web


def is_gone(request: web.Request) -> bool:
    """Whether the caller has closed the connection."""
    return request.transport is None or request.transport.is_closing()


def dropped(request: web.Request) -> web.StreamResponse:
    """Cut the connection; what is returned is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
