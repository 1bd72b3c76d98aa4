#!/bin/sh
# A span from a shell script, by socat.
# usage: TRACERD_TRACE_ID=... sh trace-socat.sh; its work is to wait for the end of its standard input
uid=$(id -u)
socket=$TRACERD_SOCKET
[ -n "$socket" ] || { [ -n "$XDG_RUNTIME_DIR" ] && socket=$XDG_RUNTIME_DIR/tracerd.socket; }
[ -n "$socket" ] || { [ -O "/run/user/$uid" ] && socket=/run/user/$uid/tracerd.socket; }
[ -n "$socket" ] || { [ -O "/tmp/tracerd-$uid" ] && socket=/tmp/tracerd-$uid/tracerd.socket; }

now() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}0000"; } # microseconds, in steps of 10 ms

trap '' PIPE # without a daemon the script goes on
work() { cat >/dev/null; }
{
    echo "OPEN $TRACERD_TRACE_ID"
    echo '{"ph":"M","name":"process_name","pid":'$$',"args":{"name":"sh, socat"}}'
    start=$(now)
    work <&3
    echo '{"ph":"X","name":"work","pid":'$$',"tid":'$$',"ts":'"$start"',"dur":'$(($(now) - start))'}'
    echo "EMIT_TEF $PWD/trace.json"
} 3<&0 2>/dev/null | socat -u - "UNIX-CONNECT:$socket" 2>/dev/null || true
