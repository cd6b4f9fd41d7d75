#!/bin/busybox sh
# The first process of the virtual machine: runs the cases (/cases, written by run.py). After each it sends what the case left behind and what
# the kernel has said meanwhile, through the second serial port. It judges nothing: run.py does. With an argument: runs that case.
export PATH=/bin HOME=/
set -f # options contain patterns
SHIM=
[ -f /lib/messages.so ] && SHIM=/lib/messages.so

# --- helpers of the cases ----------------------------------------------------------------------------------------------------------

tracer() { LD_PRELOAD=$SHIM LIBBPF_MESSAGES=messages exec tophash trace "$@" </dev/null 3>&-; }
watcher() { LD_PRELOAD=$SHIM LIBBPF_MESSAGES=messages exec tophash maps "$@" </dev/null 3>&-; }

# start OPTION... -- COMMAND...: traces the command to its end
start() {
	(tracer --format json -o report "$@") >out 2>err
	echo $? >code
}

# wait_for TEXT FILE: until it is there, or $tracer is gone, or a minute is over
wait_for() {
	i=0
	until grep -q -- "$1" "$2" 2>/dev/null; do
		i=$((i + 1))
		[ $i -lt 1200 ] && [ -d "/proc/$tracer" ] || return 1
		usleep 50000
	done
}

# begin PROGRAM ARG...: $program runs and does what tell says
begin() {
	mkfifo in
	"$@" <in >out 2>&1 &
	program=$!
	exec 3>in
	rm in
}
tell() { printf "$1" >&3; }
end() {
	exec 3>&-
	wait $program
	echo $? >program.code
}

# attach REPORT OPTION...: $tracer is attached
attach() {
	report=$1
	shift
	(tracer --format json -o "$report" "$@" 2>"$report.err") &
	tracer=$!
	wait_for '"start"' "$report"
}
# detach SIGNAL REPORT: and tophash is gone ("": it ends by itself). Not INT: what a shell starts in the background ignores it.
detach() {
	[ -z "$1" ] || kill "-$1" $tracer
	wait $tracer
	echo $? >"$2.code"
}

# The bytes in $program's memory where the probes stand, by the addresses that --dry-run prints.
addresses() { tophash trace --dry-run -p $program 2>/dev/null | grep -o '  0x[0-9a-f]*  '; }
bytes() {
	for address in $(cat addresses); do
		dd if=/proc/$program/mem bs=1 skip=$((address)) count=1 2>/dev/null | xxd -p
	done
}

# restored FILE: the bytes, when no breakpoint is left, or a minute is over. After a kill, the kernel takes the probes off one by one.
restored() {
	i=0
	until bytes >"$1" && ! grep -q cc "$1"; do
		i=$((i + 1))
		[ $i -lt 600 ] || return 1
		usleep 100000
	done
}

# --- all of it ---------------------------------------------------------------------------------------------------------------------

if [ -n "$1" ]; then
	. "/cases/$1"
	exit
fi

# send FOLDER: its name and the size of what follows in a line, then a tar.gz. The kernel's log goes with it, from one sending to the next.
send() {
	echo "sending $1" >/dev/kmsg
	dmesg -c >"$1/dmesg"
	tar -c "$1" | gzip -1 >/sent
	echo "$1 $(wc -c </sent)" >&4
	cat /sent >&4
	rm -r "$1" /sent
}

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tracefs tracefs /sys/kernel/tracing
mount -t tmpfs -o size=80% tmpfs /out
cd /out
stty -F /dev/ttyS1 raw -echo
exec 4>/dev/ttyS1
mkdir begin
uname -r >begin/release
send begin
while read -r name; do
	echo "$(cut -d. -f1 /proc/uptime) $name"
	mkdir "$name"
	(cd "$name" && timeout "$(cat /limit)" sh /init "$name" </dev/null >console 2>&1 4>&- || echo "hangs, or ended with $?" >>console)
	killall -9 tophash kinds busy steps moving 2>/dev/null
	send "$name"
done </list
mkdir end
send end
stty -F /dev/ttyS1 raw # waits until all is sent
poweroff -f
