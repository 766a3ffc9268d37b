"""The local HTTP port: ``GET /metrics`` (Prometheus text format) and ``GET /health`` (200 or 503, JSON).

In the parent of several workers ``/metrics`` adds up the files that the workers write; the parent itself serves nobody and counts nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from mailsvc.monitor.health import Check, Health, examine

__all__ = ["make_site"]

_log = Logger(namespace="mailsvc.monitor")


def make_site(clock: IReactorTime, checks: Mapping[str, Check], directory: Path | None = None) -> Site:
    """The HTTP site.

    :param checks: what ``/health`` examines. :param directory: where worker processes keep their counters; None: only this process counts.
    """
    root = _Root({b"metrics": _Metrics(directory), b"health": _Health(clock, checks)})
    site = Site(root, timeout=30)
    site.noisy = False
    site.log = lambda request: None  # type: ignore[method-assign]  # a scrape every few seconds is not news
    return site


class _Root(Resource):
    def __init__(self, children: Mapping[bytes, Resource]) -> None:
        super().__init__()
        for name, child in children.items():
            self.putChild(name, child)

    def getChild(self, path: bytes, request: Request) -> IResource:
        return notFound()


class _Metrics(Resource):
    isLeaf = True

    def __init__(self, directory: Path | None) -> None:
        super().__init__()
        self._directory = directory

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
        return generate_latest(self._registry())

    def _registry(self) -> CollectorRegistry:
        if self._directory is None:
            return REGISTRY
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._directory))
        return registry


class _Health(Resource):
    isLeaf = True

    def __init__(self, clock: IReactorTime, checks: Mapping[str, Check]) -> None:
        super().__init__()
        self._clock = clock
        self._checks = checks

    def render_GET(self, request: Request) -> int:
        examination = Deferred.fromCoroutine(examine(self._checks, self._clock))
        examination.addCallback(self._answer, request)
        examination.addErrback(_failed)
        request.notifyFinish().addErrback(lambda _: examination.cancel())  # nobody is there any more
        return NOT_DONE_YET

    def _answer(self, health: Health, request: Request) -> None:
        request.setResponseCode(200 if health.ok else 503)
        request.setHeader(b"content-type", b"application/json")
        request.write(json.dumps(health.as_dict()).encode() + b"\n")
        request.finish()


def _failed(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.failure("the health answer failed", failure)
