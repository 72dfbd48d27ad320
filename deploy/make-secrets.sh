#!/bin/sh
# Makes the secrets that compose.yaml and Kubernetes read: a file each, in deploy/secrets/, never in git.
#   sh deploy/make-secrets.sh [HOST:PORT of the server, default mysql:3306]
# A file that is there stays as it is. Keys of providers begin empty: put yours in, empty counts as unset.
set -eu
folder=${CFW_SECRETS_DIR:-$(dirname "$0")/secrets}
server=${1:-mysql:3306}
mkdir -p "$folder"
# The folder is closed to others; the files are open, because the containers' user must read them.
chmod 700 "$folder"
umask 022

put() {
  [ -e "$folder/$1" ] || printf '%s' "$2" >"$folder/$1"
}

for user in root loader transformer reader worker monitor backup; do
  put "mysql_${user}_password" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
done
for user in worker loader monitor; do
  put "${user}_url" "mysql://cfw_$user:$(cat "$folder/mysql_${user}_password")@$server"
done
put grafana_admin_password "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
for key in fred_api_key coingecko_api_key glassnode_api_key reddit_client_id reddit_client_secret; do
  put "$key" ""
done
echo "secrets in $folder: $(ls "$folder" | tr '\n' ' ')"
