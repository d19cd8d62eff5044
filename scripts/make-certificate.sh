#!/bin/sh
# Makes a self-signed certificate for trying TLS: make-certificate.sh FOLDER [NAME...]
# Writes FOLDER/certificate.pem and FOLDER/key.pem (P-256, 90 days) for localhost, 127.0.0.1, ::1 and the names; keeps what is there.
set -eu

folder=${1:?"usage: make-certificate.sh FOLDER [NAME...]"}
shift
if [ -e "$folder/key.pem" ]; then
  echo "$folder/key.pem is there already: kept" >&2
  exit 0
fi
command -v openssl > /dev/null || {
  echo "openssl is needed: apt-get install openssl" >&2
  exit 1
}
names="DNS:localhost,IP:127.0.0.1,IP:::1"
for name in "$@"; do names="$names,DNS:$name"; done
mkdir -p "$folder"
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 90 -subj "/CN=Rushgate, for trying" \
  -addext "subjectAltName=$names" -addext "extendedKeyUsage=serverAuth" \
  -keyout "$folder/key.pem.new" -out "$folder/certificate.pem" 2> /dev/null
mv "$folder/key.pem.new" "$folder/key.pem"
