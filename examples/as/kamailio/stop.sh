#!/bin/sh
# Ends what start.sh has started.
for pid in /tmp/telco-ims/*.pid; do
	[ -f "$pid" ] && kill "$(cat "$pid")"
done
:
