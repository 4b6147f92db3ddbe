#!/usr/bin/env bash
# Brings the demo into a cluster, says how it is, and takes it away again. See --help.
set -euo pipefail

readonly DEFAULT_NAMESPACE=marskit-demo
readonly DEFAULT_REGISTRY=ghcr.io/marskit
readonly PART_OF=app.kubernetes.io/part-of=marskit

usage() {
  cat <<'TEXT'
Usage: k8s/setup.sh up|down|status [options]

  up       apply the manifests, wait until everything is ready, print the URL
  down     delete the namespace, if its label says that it is marskit's
  status   show what is there

  --overlay NAME       istio, openshift, openshift-service-mesh-2, or auto (the default: ask the cluster)
  --registry REGISTRY  take the images from there (default: as the overlay names them)
  --tag TAG            take that version of the images (default: as the overlay names it)
  --namespace NAME     default: marskit-demo
  --timeout SECONDS    how long to wait for readiness or deletion (default: 180)
  --dry-run            print every command, run none that writes
  -h, --help           this text

Uses oc when it is installed, else kubectl, with your current context.
TEXT
}

die() {
  printf 'setup.sh: %s\n' "$*" >&2
  exit 1
}

# Prints a command as a person could type it.
show() {
  local word
  for word in "$@"; do
    case $word in
    '' | *[!A-Za-z0-9_./:=,@+-]*) printf " '%s'" "$word" ;;
    *) printf ' %s' "$word" ;;
    esac
  done
}

# Runs a command that writes or waits; with --dry-run only prints it.
run() {
  printf '+%s\n' "$(show "$@")"
  [[ $dry_run == yes ]] || "$@"
}

has_api_group() {
  local kinds
  kinds=$("$kube" api-resources --api-group="$1" -o name) ||
    die "the cluster does not answer; check your context, or name an --overlay"
  [[ -n $kinds ]]
}

detect_overlay() {
  if has_api_group route.openshift.io; then
    # Both versions side by side: the newer one.
    if ! has_api_group sailoperator.io && has_api_group maistra.io; then
      echo openshift-service-mesh-2
    else
      echo openshift
    fi
  else
    has_api_group networking.istio.io || die "the cluster has no Istio (no API group networking.istio.io)"
    echo istio
  fi
}

# Service Mesh 3: `istio-injection=enabled` only counts for a revision, or a revision tag, named `default`.
injecting_revision() {
  "$kube" get istiorevisiontags.sailoperator.io default --request-timeout 10s -o name >/dev/null 2>&1 && return
  "$kube" get istios.sailoperator.io --request-timeout 10s \
    -o jsonpath='{.items[0].status.activeRevisionName}' 2>/dev/null || true
}

choose_edits() {
  local revision=
  # -e '' keeps the list from being empty, which old bash takes for unset.
  edits=(-e '')
  if [[ -n $tag ]]; then
    edits+=(-e "s#(image: $DEFAULT_REGISTRY/[a-z]+):[^ ]+#\\1:$tag#")
  fi
  if [[ -n $registry ]]; then
    edits+=(-e "s#image: $DEFAULT_REGISTRY/#image: $registry/#")
  fi
  if [[ $namespace != "$DEFAULT_NAMESPACE" ]]; then
    edits+=(-e "s#^( *(name|namespace)): $DEFAULT_NAMESPACE\$#\\1: $namespace#")
  fi
  if [[ $overlay == openshift ]]; then
    revision=$(injecting_revision)
  fi
  if [[ -n $revision && $revision != default ]]; then
    edits+=(-e "s#^( *)istio-injection: enabled\$#\\1istio.io/rev: $revision#")
  fi
}

# A namespace of somebody else would be labelled as ours, and `down` would then delete it.
refuse_foreign_namespace() {
  local label
  label=$("$kube" get namespace "$namespace" --ignore-not-found \
    -o jsonpath='found {.metadata.labels.app\.kubernetes\.io/part-of}')
  case $label in
  '' | 'found marskit') ;;
  *) die "the namespace $namespace exists and is not marskit's: choose another --namespace, or label it $PART_OF" ;;
  esac
}

print_url() {
  local host
  if [[ $overlay == openshift* ]]; then
    run "$kube" get route marskit --namespace "$namespace" -o jsonpath='http://{.spec.host}/orders{"\n"}'
    return
  fi
  if [[ $dry_run == yes ]]; then
    run "$kube" get services --all-namespaces --selector istio=ingressgateway
    return
  fi
  host=$("$kube" get services --all-namespaces --selector istio=ingressgateway -o \
    jsonpath='{.items[0].status.loadBalancer.ingress[0].ip}{.items[0].status.loadBalancer.ingress[0].hostname}' \
    2>/dev/null || true)
  if [[ -n $host ]]; then
    echo "http://$host/orders"
    return
  fi
  host=$("$kube" get services --all-namespaces --selector istio=ingressgateway \
    -o jsonpath='{.items[0].metadata.namespace} svc/{.items[0].metadata.name}' 2>/dev/null || true)
  if [[ -n $host ]]; then
    echo "The ingress gateway has no address of its own. Open one here, then use http://127.0.0.1:8080/orders :"
    echo "  $kube port-forward --namespace $host 8080:80"
  else
    echo "No Service is labelled istio=ingressgateway: install Istio's ingress gateway to reach the demo."
  fi
}

# The edits go through sed, not into the overlay: the work tree stays as it is.
apply_overlay() {
  local folder=$here/overlays/$overlay
  printf '+%s |%s |%s\n' "$(show "$kube" kustomize "$folder")" "$(show sed -E "${edits[@]}")" \
    "$(show "$kube" apply --filename -)"
  if [[ $dry_run == yes ]]; then
    "$kube" kustomize "$folder" >/dev/null
  else
    "$kube" kustomize "$folder" | sed -E "${edits[@]}" | "$kube" apply --filename -
  fi
}

up() {
  [[ $overlay != auto ]] || overlay=$(detect_overlay)
  echo "overlay: $overlay"
  choose_edits
  [[ $dry_run == yes ]] || refuse_foreign_namespace
  apply_overlay
  run "$kube" rollout status deployment --selector "$PART_OF" --namespace "$namespace" --timeout "${timeout}s"
  print_url
}

down() {
  run "$kube" delete namespace --selector "$PART_OF" --field-selector "metadata.name=$namespace" \
    --ignore-not-found --wait --timeout "${timeout}s"
}

status() {
  run "$kube" get deployments,pods,services,gateways.networking.istio.io,virtualservices.networking.istio.io \
    --namespace "$namespace" --selector "$PART_OF"
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command='' overlay=auto registry='' tag='' namespace=$DEFAULT_NAMESPACE timeout=180 dry_run=no

while (($#)); do
  case $1 in
  up | down | status)
    [[ -z $command ]] || die "one of up, down, status; found both $command and $1"
    command=$1
    ;;
  --overlay | --registry | --tag | --namespace | --timeout)
    (($# > 1)) || die "$1 needs a value"
    # --dry-run is the only option whose name is not the variable's.
    printf -v "${1#--}" '%s' "$2"
    shift
    ;;
  --dry-run) dry_run=yes ;;
  -h | --help)
    usage
    exit
    ;;
  *) die "unknown argument '$1'; see --help" ;;
  esac
  shift
done

[[ -n $command ]] || {
  usage >&2
  exit 2
}
case $overlay in
auto | istio | openshift | openshift-service-mesh-2) ;;
*) die "--overlay '$overlay': allowed are auto, istio, openshift, openshift-service-mesh-2" ;;
esac
[[ $namespace =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || die "--namespace '$namespace' is not a namespace name"
[[ $timeout =~ ^[1-9][0-9]{0,4}$ ]] || die "--timeout '$timeout' is not a number of seconds"
[[ -z $registry || $registry =~ ^[a-z0-9][a-z0-9._:/-]*[a-z0-9]$ ]] || die "--registry '$registry' is not a registry"
[[ -z $tag || $tag =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] || die "--tag '$tag' is not an image tag"

kube=$(command -v oc || command -v kubectl) || die "neither oc nor kubectl is installed"
kube=${kube##*/}

"$command"
