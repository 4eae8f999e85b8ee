#!/usr/bin/env bash
# Installs the real peers of the authentication tests on Debian: a Kerberos KDC, a domain controller of Active Directory
# (Samba), Apache with GSSAPI, and what the Python peers are built with. For root; running it again does nothing. No service
# is started: the tests start their own.
set -euo pipefail

packages=(krb5-kdc krb5-admin-server krb5-user libgssapi-krb5-2 apache2 libapache2-mod-auth-gssapi openssl gss-ntlmssp curl
  samba-ad-dc samba-ad-provision libkrb5-dev gcc libc6-dev python3-dev libfaketime)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" = 0 ]; then
  echo "setup_debian: everything is installed"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "setup_debian: not root, cannot install ${missing[*]}" >&2
  exit 1
fi
command -v apt-get >/dev/null || { echo "setup_debian: no apt-get, cannot install ${missing[*]}" >&2; exit 1; }

# Packages start their services when they are installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
echo "setup_debian: installing ${missing[*]}"
patient=(-o Acquire::Retries=3 -o DPkg::Lock::Timeout=120)
apt-get "${patient[@]}" update -qq
apt-get "${patient[@]}" install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "setup_debian: done"
