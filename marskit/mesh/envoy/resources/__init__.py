"""A typed Istio configuration in, the files of Envoy's filesystem xDS out; pure functions, no I/O."""
