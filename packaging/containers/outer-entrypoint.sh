#!/bin/sh
# Renders the outer tier's nginx template from the environment and becomes nginx. A placeholder without a value, or a value that
# is missing, stops the start with its name.
set -eu

prefix=$OUTER_PREFIX
config=$prefix/conf/nginx.conf
mkdir -p "$prefix/conf" "$prefix/logs" "$prefix/temp"
ln -sf "$OUTER_ERROR_LOG" "$prefix/logs/error.log"
if [ -n "${RUSHGATE_SECRET_FILE:-}" ]; then
  case $(stat -Lc %a "$RUSHGATE_SECRET_FILE") in
    *0) ;;
    *) echo "RUSHGATE_SECRET_FILE: $RUSHGATE_SECRET_FILE is open to every user: chmod o= $RUSHGATE_SECRET_FILE" >&2; exit 1 ;;
  esac
else
  : "${RUSHGATE_SECRET:?must be set}"
fi

# out after three failures within 5 s, for 5 s (scripts/outer.ts)
all=$(echo "${OUTER_GATES:?must be set, as host:port of each gate, separated by commas}" | tr ',' ' ')
gates=""
others=""
others_of=""
number=0
for gate in $all; do
  gates="$gates server $gate max_fails=3 fail_timeout=5s;"
  rest=""
  backup=""
  for other in $all; do
    if [ "$other" != "$gate" ]; then
      rest="$rest server $other max_fails=3 fail_timeout=5s;"
      backup=" backup"
    fi
  done
  others="$others upstream rushgate_not_$number { zone rushgate_not_$number 64k;$rest server $gate$backup; }"
  # once escaped for sed below, once for the pattern
  others_of="$others_of \"~(^\\|, )$(echo "$gate" | sed 's/\./\\\\./g')\$\" rushgate_not_$number;"
  number=$((number + 1))
done
trusted_proxies=""
for proxy in $(echo "${OUTER_TRUSTED_PROXIES:-}" | tr ',' ' '); do
  trusted_proxies="$trusted_proxies set_real_ip_from $proxy;"
done
tls=""
if [ -n "${OUTER_TLS_LISTEN:-}" ]; then
  tls="listen $OUTER_TLS_LISTEN ssl http2 backlog=16384; include $OUTER_TLS_SETTINGS;"
  tls="$tls ssl_certificate ${OUTER_TLS_CERTIFICATE:?must be set}; ssl_certificate_key ${OUTER_TLS_KEY:?must be set};"
fi

sed \
  -e "s|@LOAD_MODULES@|load_module $OUTER_MODULE;|g" \
  -e "s|@PREFIX@|$prefix|g" \
  -e "s|@ERROR_LOG_LEVEL@|${OUTER_ERROR_LOG_LEVEL:-notice}|g" \
  -e "s|@WORKERS@|${OUTER_WORKERS:-auto}|g" \
  -e "s|@NJS@|$OUTER_PROGRAM|g" \
  -e "s|@TRUSTED_PROXIES@|$trusted_proxies|g" \
  -e "s|@OUTER_LISTEN@|$OUTER_LISTEN|g" \
  -e "s|@TLS@|$tls|g" \
  -e "s|@GATES@|$gates|g" \
  -e "s|@OTHERS@|$others|g" \
  -e "s|@OTHERS_OF@|$others_of|g" \
  "$OUTER_TEMPLATE" > "$config"

if left=$(grep -o '@[A-Z][A-Z0-9_]*@' "$config"); then
  echo "the nginx template has placeholders that this image does not know:" $left >&2
  exit 1
fi
exec nginx -p "$prefix" -c "$config" -e "$OUTER_ERROR_LOG"
