"""Translates a typed Istio configuration to the files of Envoy's filesystem xDS; pure functions, no I/O."""
