#!/bin/sh
# Starts nginx with the settings that come from the environment, and reloads it when the certificate changes.
# ALLOWED_HOSTS: further names of the video server. TRUSTED_PROXIES: addresses of a reverse proxy in front of nginx.
# CERTIFICATES: the folder of fullchain.pem and privkey.pem, with tls/tls.conf.
set -eu
CONFIGURATION=${CONFIGURATION:-/etc/nginx/nginx.conf}
SETTINGS=${SETTINGS:-/tmp/settings}
INTERVAL=${INTERVAL:-60}

# Writes one file of settings: a line for each entry of a comma-separated list. Rejects what could be nginx syntax.
write() { # NAME LIST FORMAT FILE
  for entry in $(echo "$2" | tr ',' ' '); do
    case $entry in
      *[!A-Za-z0-9.:/_-]*)
        echo "$1: $entry is neither a name nor an address" >&2
        exit 1
        ;;
    esac
    # shellcheck disable=SC2059 # the formats are below
    printf "$3\n" "$entry"
  done >"$SETTINGS/$4"
}

mkdir -p "$SETTINGS"
write ALLOWED_HOSTS "${ALLOWED_HOSTS:-}" '%s 1;' allowed.hosts
write TRUSTED_PROXIES "${TRUSTED_PROXIES:-}" 'set_real_ip_from %s;' proxies.real_ip
write TRUSTED_PROXIES "${TRUSTED_PROXIES:-}" '%s 1;' proxies.trusted

fingerprint() { cat "$CERTIFICATES"/*.pem | cksum; }

# If a renewal is only half copied, nginx keeps its certificate, and the other half is the next change.
reload_on_change() {
  loaded=$(fingerprint)
  while sleep "$INTERVAL" && kill -0 "$1" 2>/dev/null; do
    current=$(fingerprint)
    [ "$current" = "$loaded" ] || kill -HUP "$1"
    loaded=$current
  done
}
[ -z "${CERTIFICATES:-}" ] || reload_on_change $$ &

exec "${NGINX_PROGRAM:-nginx}" -e stderr -c "$CONFIGURATION"
