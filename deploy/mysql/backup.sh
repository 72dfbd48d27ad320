#!/bin/bash
# Dumps what cannot be built again, <prefix>_raw and <prefix>_ops, into one compressed file.
#   CFW_BACKUP_HOST, CFW_BACKUP_PORT, CFW_BACKUP_USER   the server (mysql, 3306, cfw_backup)
#   CFW_BACKUP_PASSWORD_FILE                            a file that holds the password
#   CFW_BACKUP_DIR, CFW_BACKUP_KEEP                     where to (/backup), how many are kept (14)
# A file gets its name only once it is whole; an older one is removed only after that.
set -euo pipefail

prefix=${CFW_SCHEMA_PREFIX:-crypto}
folder=${CFW_BACKUP_DIR:-/backup}
keep=${CFW_BACKUP_KEEP:-14}
password_file=${CFW_BACKUP_PASSWORD_FILE:-/run/secrets/mysql_backup_password}
name=$folder/${prefix}_raw-$(date -u +%Y%m%dT%H%M%SZ).sql.gz
partial=$name.partial

if [ ! -s "$password_file" ]; then
  echo "error: $password_file: no password; set CFW_BACKUP_PASSWORD_FILE" >&2
  exit 1
fi
trap 'rm -f "$partial" "$options"' EXIT
options=$(mktemp)
# Not on the command line, where every user of the machine could read it.
printf '[client]\nhost=%s\nport=%s\nuser=%s\npassword="%s"\n' \
  "${CFW_BACKUP_HOST:-mysql}" "${CFW_BACKUP_PORT:-3306}" "${CFW_BACKUP_USER:-cfw_backup}" \
  "$(sed 's/[\\"]/\\&/g' "$password_file")" >"$options"

if command -v mysqldump >/dev/null && ! mysqldump --version | grep -q MariaDB; then
  dump=(mysqldump "--defaults-extra-file=$options" --no-tablespaces --set-gtid-purged=OFF)
  client=(mysql "--defaults-extra-file=$options")
else
  dump=(mariadb-dump "--defaults-extra-file=$options")
  client=(mariadb "--defaults-extra-file=$options")
fi
databases=$("${client[@]}" --batch --skip-column-names --execute \
  "select schema_name from information_schema.schemata where schema_name in ('${prefix}_raw', '${prefix}_ops')")
if ! grep -qx "${prefix}_raw" <<<"$databases"; then
  echo "error: no database ${prefix}_raw on this server; set CFW_SCHEMA_PREFIX" >&2
  exit 1
fi

# shellcheck disable=SC2086 - one word per database
"${dump[@]}" --single-transaction --quick --hex-blob --databases $databases | gzip >"$partial"
gunzip --stdout "$partial" | tail -n 1 | grep -q '^-- Dump completed' || {
  echo "error: $partial: the dump did not end as it should" >&2
  exit 1
}
mv "$partial" "$name"
find "$folder" -maxdepth 1 -name "${prefix}_raw-*.sql.gz" | sort --reverse | tail -n "+$((keep + 1))" |
  while read -r old; do rm -- "$old"; done
echo "backup: $name, $(stat --format=%s "$name") bytes"
