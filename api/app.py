"""The web application of a node."""

from functools import partial
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles

from api.answers import Answers
from api.errors import add_error_handlers
from api.openapi import describe
from api.resolutions import CountResolutions, saving
from api.routes import (
    alarms,
    carriers,
    epcis,
    fleet,
    handles,
    health,
    labels,
    links,
    log,
    pages,
    print_jobs,
    proofs,
    records,
    registry,
    resolutions,
    resolve,
    resolver,
    scan,
    telemetry,
)
from ledger.node import Node
from ledger.resolution_counts import ResolutionCounter
from ledger.resolve import Resolver


def create_app(node: Node) -> FastAPI:
    """The application that serves `node`.

    It calls the chain's RPC URL and, to resolve, the nodes that `PrefixRegistry` names; no other host.
    """
    counter = ResolutionCounter(node)
    app = FastAPI(
        title="Suyuan 溯源",
        description="EPCIS 2.0 capture, GS1 Digital Link, and proofs that a history is true and complete.",
        version="0.1.0",
        docs_url=None,  # FastAPI's own page loads its scripts from another host
        redoc_url=None,
        lifespan=saving(counter),
    )
    app.state.node = node
    app.state.resolver = Resolver(node)
    app.state.resolution_counter = counter
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    # What is public may be read from any web page; capture needs a key and is not for browsers elsewhere.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD", "OPTIONS"],
        expose_headers=["Link", "Location"],
    )
    app.add_middleware(CountResolutions, counter=counter, answers=Answers(node))
    add_error_handlers(app)
    routes = (
        epcis,
        records,
        carriers,
        alarms,
        fleet,
        telemetry,
        registry,
        resolve,
        links,
        proofs,
        log,
        labels,
        print_jobs,
        handles,
        health,
        resolutions,
        resolver,
        pages,
        scan,
    )
    for module in routes:
        app.include_router(module.router)
    app.include_router(resolver.compressed_router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    return app
