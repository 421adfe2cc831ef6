"""Figures for Prometheus, for the addresses that may have them. To all others there is no such page."""

from ipaddress import IPv6Address, ip_address

from flask import Blueprint, Response, abort, request
from prometheus_client import CONTENT_TYPE_LATEST

from app import metrics
from app.auth import now, own_token
from app.config import settings

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
@own_token
def show() -> Response:
    """Reads no cookie: who asks is known by the address."""
    if not _may():
        abort(404)
    return Response(
        metrics.exposition(now()), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


def _may() -> bool:
    """Behind a proxy that is not trusted everybody would come from the proxy's address, so nobody may."""
    if not settings().proxies and ("X-Forwarded-For" in request.headers or "Forwarded" in request.headers):
        return False
    try:
        asking = ip_address(request.remote_addr or "")
    except ValueError:
        return False
    if isinstance(asking, IPv6Address) and asking.ipv4_mapped:
        asking = asking.ipv4_mapped
    return any(asking in network for network in settings().metrics_allow)
