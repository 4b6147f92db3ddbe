"""Kubernetes and Istio manifests: YAML in, a typed mesh configuration out, and edits back to YAML."""
