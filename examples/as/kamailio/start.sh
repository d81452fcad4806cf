#!/bin/sh
# Starts nodes of Kamailio with the configuration beside it: start.sh icscf scscf pcscf. Logs, control sockets and process IDs are in
# /tmp/telco-ims; stop.sh ends them.
set -eu
cd "$(dirname "$0")"
run=/tmp/telco-ims
mkdir -p $run
cp -r db dispatcher.list $run
without=
# As root a P-CSCF empties the kernel's IPsec tables (the module ims_ipsec_pcscf): it does without that right.
if [ "$(id -u)" = 0 ]; then without="setpriv --bounding-set -net_admin --inh-caps -net_admin"; fi
for node; do
	$without kamailio -DD -E -f "$node.cfg" -m 64 -M 8 -w "$PWD" -Y $run -P "$run/$node.pid" >"$run/$node.log" 2>&1 &
done
