"""Settings of Ray that the driver and the hosts share."""

__all__ = ["ENVIRONMENT"]

# For every process of Ray, here and on the hosts.  With its own settings Ray gives a host up that was out of reach for
# a minute, and the results that it had; who is late is the schedule's affair.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_failure_threshold": "60",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
    "RAY_grpc_keepalive_timeout_ms": "600000",
}
