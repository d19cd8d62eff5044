#!/bin/sh
# Renders the gate's nginx template from the environment and becomes nginx. A placeholder without a value, or a
# value that is missing, stops the start with its name.
set -eu

prefix=$GATE_PREFIX
config=$prefix/conf/nginx.conf
mkdir -p "$prefix/conf" "$prefix/logs" "$prefix/temp"
ln -sf "$GATE_ERROR_LOG" "$prefix/logs/error.log"
: "${RUSHGATE_REDIS_URL:?must be set}"
: "${RUSHGATE_BACKEND:?must be set}"
if [ -z "${RUSHGATE_SECRET_FILE:-}" ]; then : "${RUSHGATE_SECRET:?must be set}"; fi

load_modules="load_module $GATE_MODULES/ndk_http_module.so; load_module $GATE_MODULES/ngx_http_lua_module.so;"
# names are looked up by the container's own name server; a Redis behind TLS is checked against these certificates
resolver="resolver $(awk '$1 == "nameserver" { print $2; exit }' /etc/resolv.conf) valid=10s ipv6=off;"
ca_file=${RUSHGATE_CA_FILE:-/etc/ssl/certs/ca-certificates.crt}
tls_trust=""
if [ -e "$ca_file" ]; then tls_trust="lua_ssl_trusted_certificate $ca_file;"; fi
# TLS and HTTP/2 as well, where an address for it is named
tls=""
if [ -n "${GATE_TLS_LISTEN:-}" ]; then
  tls="listen $GATE_TLS_LISTEN ssl http2 backlog=16384; include $GATE_TLS_SETTINGS;"
  tls="$tls ssl_certificate ${GATE_TLS_CERTIFICATE:?must be set}; ssl_certificate_key ${GATE_TLS_KEY:?must be set};"
fi
# the backend's servers: those of RUSHGATE_BACKEND, or of RUSHGATE_BACKEND_ORDER and the like where a role has its own
servers() {
  echo "${1:-${RUSHGATE_BACKEND:?must be set}}" | sed 's|[[:space:]]||g; s|[^,][^,]*|server & max_fails=2 fail_timeout=5s;|g; s|,| |g'
}
# where another could answer, nobody waits long for one that hangs
case "$RUSHGATE_BACKEND${RUSHGATE_BACKEND_USER:-}${RUSHGATE_BACKEND_PRODUCT:-}${RUSHGATE_BACKEND_ORDER:-}${RUSHGATE_BACKEND_TRANSACTION:-}${RUSHGATE_BACKEND_OPERATIONS:-}" in
  *,*) backend_wait=5s ;;
  *) backend_wait=15s ;;
esac
lua_path='/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua;;'

sed \
  -e "s|@LOAD_MODULES@|$load_modules|g" \
  -e "s|@RESOLVER@|$resolver|g" \
  -e "s|@TLS_TRUST@|$tls_trust|g" \
  -e "s|@PREFIX@|$prefix|g" \
  -e "s|@WORKERS@|${GATE_WORKERS:-auto}|g" \
  -e "s|@GATE_LISTEN@|$GATE_LISTEN|g" \
  -e "s|@TLS@|$tls|g" \
  -e "s|@METRICS_LISTEN@|$GATE_METRICS_LISTEN|g" \
  -e "s|@BACKEND_USER@|$(servers "${RUSHGATE_BACKEND_USER:-}")|g" \
  -e "s|@BACKEND_PRODUCT@|$(servers "${RUSHGATE_BACKEND_PRODUCT:-}")|g" \
  -e "s|@BACKEND_ORDER@|$(servers "${RUSHGATE_BACKEND_ORDER:-}")|g" \
  -e "s|@BACKEND_TRANSACTION@|$(servers "${RUSHGATE_BACKEND_TRANSACTION:-}")|g" \
  -e "s|@BACKEND_OPERATIONS@|$(servers "${RUSHGATE_BACKEND_OPERATIONS:-}")|g" \
  -e "s|@BACKEND_WAIT@|$backend_wait|g" \
  -e "s|@BUNDLE@|$GATE_BUNDLE|g" \
  -e "s|@WEB_ROOT@|$GATE_WEB_ROOT|g" \
  -e "s|@CONFIG@|$RUSHGATE_CONFIG|g" \
  -e "s|@ERROR_LOG_LEVEL@|${GATE_ERROR_LOG_LEVEL:-notice}|g" \
  -e "s|@LUA_PATH@|$lua_path|g" \
  "$GATE_TEMPLATE" > "$config"

if left=$(grep -o '@[A-Z][A-Z0-9_]*@' "$config"); then
  echo "the nginx template has placeholders that this image does not know:" $left >&2
  exit 1
fi

if grep -q '^daemon off;' "$config"; then
  exec nginx -p "$prefix" -c "$config" -e "$GATE_ERROR_LOG"
fi
exec nginx -p "$prefix" -c "$config" -e "$GATE_ERROR_LOG" -g 'daemon off;'
