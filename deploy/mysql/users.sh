#!/bin/bash
# Fills the passwords into users.sql, from files named mysql_<user>_password in CFW_SECRETS_DIR.
# As an init script of the mysql image (not executable, so that it is sourced) it runs the result;
# elsewhere it prints it:
#   CFW_SECRETS_DIR=deploy/secrets bash deploy/mysql/users.sh | mysql -u root -p

cfw_users_sql() {
  local here folder text user file password
  here=$(dirname "${BASH_SOURCE[0]}")
  folder=${CFW_SECRETS_DIR:-/run/secrets}
  text=$(cat "${CFW_USERS_SQL:-$here/users.sql}") || return 1
  for user in loader transformer reader worker monitor backup; do
    file=$folder/mysql_${user}_password
    if ! password=$(cat "$file") || [ -z "$password" ]; then
      echo "error: $file: no password for cfw_$user; run deploy/make-secrets.sh" >&2
      return 1
    fi
    password=${password//\\/\\\\}
    password=${password//\'/\'\'}
    text=${text//"CHANGE_ME_${user^^}"/"$password"}
  done
  if [ "${CFW_SCHEMA_PREFIX:-crypto}" != crypto ]; then
    text=${text//'`crypto\_'/"\`${CFW_SCHEMA_PREFIX//_/\\_}\\_"}
  fi
  printf '%s\n' "$text"
}

if declare -F docker_process_sql >/dev/null; then
  cfw_filled=$(cfw_users_sql) || exit 1
  docker_process_sql --database=mysql <<<"$cfw_filled"
  unset cfw_filled
else
  cfw_users_sql
fi
