#!/bin/sh
# Prints the Secrets of secrets.example.yaml, filled from deploy/secrets/ (sh deploy/make-secrets.sh).
#   sh deploy/kubernetes/make-secrets.sh | kubectl apply -f -
set -eu
here=$(dirname "$0")
folder=${CFW_SECRETS_DIR:-$here/../secrets}
namespace=${CFW_NAMESPACE:-crypto-features}

# secret NAME KEY=FILE...
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: %s}\ntype: Opaque\ndata:\n' \
    "$1" "$namespace"
  shift
  for pair in "$@"; do
    printf '  %s: "%s"\n' "${pair%%=*}" "$(base64 -w 0 <"$folder/${pair#*=}")"
  done
}

[ -s "$folder/worker_url" ] || {
  echo "error: $folder: no secrets there; run sh deploy/make-secrets.sh first" >&2
  exit 1
}
secret cfw-worker CFW_WAREHOUSE_URL=worker_url CFW_FRED_API_KEY=fred_api_key \
  CFW_COINGECKO_API_KEY=coingecko_api_key CFW_GLASSNODE_API_KEY=glassnode_api_key \
  CFW_REDDIT_CLIENT_ID=reddit_client_id CFW_REDDIT_CLIENT_SECRET=reddit_client_secret
secret cfw-scorer CFW_WAREHOUSE_URL=loader_url
secret cfw-metrics CFW_WAREHOUSE_URL=monitor_url
secret cfw-backup mysql_backup_password=mysql_backup_password
secret cfw-mysql mysql_root_password=mysql_root_password mysql_loader_password=mysql_loader_password \
  mysql_transformer_password=mysql_transformer_password mysql_reader_password=mysql_reader_password \
  mysql_worker_password=mysql_worker_password mysql_monitor_password=mysql_monitor_password \
  mysql_backup_password=mysql_backup_password
