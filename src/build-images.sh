#!/usr/bin/env bash
# Build the images of the demo services, and push them when asked to.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: build-images.sh --registry REGISTRY [--tag TAG] [--engine buildah|podman] [--push] [--dry-run]

Builds REGISTRY/orders:TAG, REGISTRY/payments:TAG and REGISTRY/recommendations:TAG from this folder.
One recommendations image serves both variants: VARIANT=food or VARIANT=music in its environment.

  --registry REGISTRY  registry and path, for example quay.io/me or image-registry.example.com/marskit
  --tag TAG            tag of the images (default: the version in package.json)
  --engine ENGINE      buildah (default) or podman
  --push               push each image after all of them are built
  --dry-run            print the commands, run none
  --help               show this text
USAGE
}

fail() {
  printf 'build-images.sh: %s\n' "$1" >&2
  exit 2
}

run() {
  if [[ $dry_run == true ]]; then
    printf '%q ' "$@"
    printf '\n'
  else
    "$@"
  fi
}

readonly services=(orders payments recommendations)
registry=
tag=
engine=buildah
push=false
dry_run=false

while (($# > 0)); do
  case $1 in
    --registry | --tag | --engine)
      [[ -n ${2:-} ]] || fail "$1 needs a value."
      declare "${1#--}=$2"
      shift 2
      ;;
    --push) push=true; shift ;;
    --dry-run) dry_run=true; shift ;;
    --help | -h) usage; exit 0 ;;
    *) fail "unknown argument '$1'; see --help." ;;
  esac
done

[[ -n $registry ]] || fail "--registry is required; see --help."
registry=${registry%/}
[[ $registry =~ ^[a-z0-9.:/_-]+$ ]] || fail "--registry is '$registry'; a lower-case registry and path is expected."
[[ $engine == buildah || $engine == podman ]] || fail "--engine is '$engine'; buildah or podman is allowed."

context=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$context/package.json")
tag=${tag:-$version}
[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || fail "--tag is '$tag'; letters, digits, '_', '.' and '-' are allowed."
[[ $dry_run == true ]] || command -v "$engine" >/dev/null || fail "$engine is not installed."

for service in "${services[@]}"; do
  run "$engine" build \
    --file "$context/$service/Containerfile" \
    --label "org.opencontainers.image.version=$tag" \
    --tag "$registry/$service:$tag" \
    "$context"
done
[[ $push == true ]] || exit 0
for service in "${services[@]}"; do
  run "$engine" push "$registry/$service:$tag"
done
