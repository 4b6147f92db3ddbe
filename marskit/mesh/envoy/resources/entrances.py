"""Envoy's listeners: where connections are accepted and how requests are counted and timed."""

from pathlib import PurePath

from marskit.mesh.envoy.resources.filters import http_filters
from marskit.mesh.envoy.resources.model import Listener, Resource, file_name, file_source, typed
from marskit.mesh.envoy.resources.telemetry_names import PREFIX, latency_stat, request_stat
from marskit.system.free_ports import LOOPBACK

PROBE_PATH = "/.marskit/generation"
"""Path that, with the probe's header, returns the configuration that a listener follows."""

PROBE_HEADER = "x-marskit-probe"

LATENCY = "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%"
"""Latency at the caller: from the request's first byte to the response's last, with retries and delays."""


def routes_file(listener: Listener) -> str:
    """The file that holds a listener's routes."""
    return file_name("rds", listener.name)


def entrance(listener: Listener, port: int, probe_token: str, directory: PurePath) -> Resource:
    """The Envoy listener; its routes come from a separate file, so that it stays while they change."""
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=listener.name,
        codec_type="AUTO",
        rds={
            "route_config_name": listener.name,
            "config_source": file_source(str(directory / routes_file(listener))),
        },
        http_filters=http_filters(),
        access_log=_counters(listener.name, probe_token),
        # The gateway meets clients; requests elsewhere come from workloads and are trusted.
        use_remote_address=listener.is_gateway,
        generate_request_id=True,
        preserve_external_request_id=True,
        normalize_path=True,
    )
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return typed(
        "envoy.config.listener.v3.Listener",
        name=listener.name,
        address={"socket_address": {"address": LOOPBACK, "port_value": port}},
        # Otherwise a second Envoy would start on the same port and take part of the traffic.
        enable_reuse_port=False,
        filter_chains=[chain],
    )


def _counters(edge: str, probe_token: str) -> list[Resource]:
    """One counter for all requests, one histogram for those that did not fail; the probe is in neither."""
    no_probe = {"header_filter": {"header": probe_matcher(probe_token) | _ABSENT}}
    answered = [no_probe, _status("GE", 100), _status("LE", 499)]
    histogram = {"stat": latency_stat(edge), "unit": "Microseconds", "value_format": LATENCY}
    return [
        _logger({"and_filter": {"filters": answered}}, {"histograms": [histogram]}),
        _logger(no_probe, {"counters": [{"stat": request_stat(edge), "value_fixed": 1}]}),
    ]


def probe_matcher(token: str) -> Resource:
    """Distinguishes probes from requests."""
    return {"name": PROBE_HEADER, "string_match": {"exact": token}}


_ABSENT = {"invert_match": True, "treat_missing_header_as_empty": True}


def _logger(condition: Resource, stats: Resource) -> Resource:
    config = typed("envoy.extensions.access_loggers.stats.v3.Config", stats_scope={"prefix": PREFIX}, **stats)
    return {"name": "envoy.access_loggers.stats", "filter": condition, "typed_config": config}


def _status(operator: str, code: int) -> Resource:
    # Envoy requires a runtime key; nothing changes the bound through it.
    value = {"default_value": code, "runtime_key": f"marskit.status_{code}"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}
