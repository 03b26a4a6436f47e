"""The JSON doors of the page and of programs, under `/api/`."""

from ninja import NinjaAPI

from chat.api import batches, conversations, estimates, models, refusals, session
from chat.api.credentials import prove
from chat.api.rendering import PlainValueRenderer

api = NinjaAPI(
    title="Tram",
    urls_namespace="api",
    auth=prove,
    renderer=PlainValueRenderer(),
    # Its pages load scripts from foreign hosts.
    docs_url=None,
    openapi_url=None,
)
api.add_router("/conversations", conversations.router)
api.add_router("/batches", batches.router)
api.add_router("", models.router)
api.add_router("", estimates.router)
api.add_router("", session.router)
refusals.install(api)

__all__ = ["api"]
