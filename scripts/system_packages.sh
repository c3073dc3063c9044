#!/usr/bin/env bash
# Install the real servers and the browser that the tests drive, when this user may; otherwise say which are missing.
set -uo pipefail
declare -A packages=([chromium]=chromium [git]=git [mosquitto]=mosquitto [mosquitto_pub]=mosquitto-clients)
missing=()
for command in "${!packages[@]}"; do
  PATH="$PATH:/usr/sbin" command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done
[ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] || missing+=(fonts-noto-cjk)
# what drives the browser comes with a Node that wants it, and a fresh Debian does not have it
/sbin/ldconfig -p | grep -q 'libatomic\.so\.1' || missing+=(libatomic1)
# their binaries are all that the tests need: they make clusters of their own, and this one is never started
postgres=(postgresql-15 postgresql-15-postgis-3)
[ -e /usr/share/postgresql/15/extension/postgis.control ] || missing+=("${postgres[@]}")
[ -d /etc/postgresql-common ] || [ "$(id -u)" -ne 0 ] ||
  { mkdir -p /etc/postgresql-common && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf; }
[ ${#missing[@]} -eq 0 ] && exit 0
install=(apt-get install -y -qq --no-install-recommends "${missing[@]}")
if [ "$(id -u)" -eq 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${install[@]}" >/dev/null && exit 0
elif sudo -n true 2>/dev/null; then
  sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive "${install[@]}" >/dev/null && exit 0
fi
echo "These system packages are missing, and the tests that need them will be skipped: ${missing[*]}" >&2
echo "Install them with: apt-get install ${missing[*]}" >&2
