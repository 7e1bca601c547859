#!/bin/sh
# Copies fullchain.pem and privkey.pem from SOURCE to TARGET, readable by OWNER only, and again whenever they change.
# Certbot renews a certificate by changing the links in live/<name>; nginx cannot read what they point to.
# TARGET/.current exists while the copies are those of SOURCE: an earlier copy must not hide that SOURCE is wrong.
set -eu
umask 077
TARGET=${TARGET:-/certificates}
OWNER=${OWNER:-101:101} # user nginx of the image
INTERVAL=${INTERVAL:-60}

fingerprint() { cat "$SOURCE/fullchain.pem" "$SOURCE/privkey.pem" 2>/dev/null | cksum; }

rm -f "$TARGET/.current"
copied=
while :; do
  current=$(fingerprint)
  if [ ! -r "$SOURCE/fullchain.pem" ] || [ ! -r "$SOURCE/privkey.pem" ]; then
    rm -f "$TARGET/.current"
    echo "$SOURCE has no readable fullchain.pem and privkey.pem: check TLS_DIR, TLS_NAME, and that root owns the files" >&2
  else
    if [ "$current" != "$copied" ]; then
      for name in fullchain.pem privkey.pem; do
        cat "$SOURCE/$name" >"$TARGET/.$name"
        chown "$OWNER" "$TARGET/.$name"
        mv "$TARGET/.$name" "$TARGET/$name"
      done
      copied=$current
      echo "certificate copied"
    fi
    : >"$TARGET/.current"
  fi
  sleep "$INTERVAL" & # `wait` ends at once on a signal
  trap 'exit 0' TERM INT
  wait $!
done
