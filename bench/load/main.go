// Load deletes and inserts on demand: the program under bench/trace. It lives as long as its stdin, so that one process, with the
// same maps at the same addresses, is measured with one tracer after the other.
//
//	in:  MODE MILLISECONDS RATE       MODE is int, string or miss; RATE: operations a second, 0: as many as it can
//	out: OPERATIONS CPU_NS WALL_NS    for each line
//
// An operation is a delete and an insert (miss: a delete alone). CPU_NS is the time of this thread, without what other programs
// took from it. At a rate, a thousand times a second it does what is due and sleeps; CPU_NS is then the time of what it did, without
// the sleep. The stack of a delete is five frames deep: deleteInt, serveInts, serve, main, runtime.main.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"
)

const (
	size  = 1000 // elements in a map
	batch = 256  // operations between two looks at the clock
)

//go:noinline
func deleteInt(m map[int]int, k int) { delete(m, k) }

//go:noinline
func deleteString(m map[string]int, k string) { delete(m, k) }

//go:noinline
func serveInts(m map[int]int, until time.Time) (n int) {
	for time.Now().Before(until) {
		for i := 0; i < batch; i++ {
			k := (n + i) % size
			deleteInt(m, k)
			m[k] = i
		}
		n += batch
	}
	return n
}

//go:noinline
func serveStrings(m map[string]int, names []string, until time.Time) (n int) {
	for time.Now().Before(until) {
		for i := 0; i < batch; i++ {
			k := names[(n+i)%size]
			deleteString(m, k)
			m[k] = i
		}
		n += batch
	}
	return n
}

//go:noinline
func serveMisses(m map[int]int, until time.Time) (n int) {
	for time.Now().Before(until) {
		for i := 0; i < batch; i++ {
			deleteInt(m, size+(n+i)%size)
		}
		n += batch
	}
	return n
}

// Does n operations.
//
//go:noinline
func operate(m map[int]int, from, n int) {
	for i := 0; i < n; i++ {
		k := (from + i) % size
		deleteInt(m, k)
		m[k] = i
	}
}

// A sleep that the runtime knows nothing of: the thread keeps its place.
//
//go:noinline
func sleep(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

//go:noinline
func servePaced(m map[int]int, d time.Duration, rate int) (n int, cpu time.Duration) {
	for begin := time.Now(); ; {
		past := time.Since(begin)
		if past >= d {
			return n, cpu
		}
		due := int(past.Seconds()*float64(rate)) - n
		before := threadTime()
		operate(m, n, due)
		cpu += threadTime() - before
		n += due
		sleep(time.Millisecond)
	}
}

type server struct {
	ints    map[int]int
	strings map[string]int
	names   []string
}

//go:noinline
func (s *server) serve(mode string, d time.Duration) int {
	until := time.Now().Add(d)
	switch mode {
	case "int":
		return serveInts(s.ints, until)
	case "string":
		return serveStrings(s.strings, s.names, until)
	case "miss":
		return serveMisses(s.ints, until)
	}
	fmt.Fprintf(os.Stderr, "load: no such mode: %s\n", mode)
	os.Exit(2)
	return 0
}

const clockThreadCPU = 3 // CLOCK_THREAD_CPUTIME_ID

func threadTime() time.Duration {
	var ts syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPU, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

var in = bufio.NewScanner(os.Stdin)

// What needs room on the stack stands outside of main, whose frame lies under every delete.
//
//go:noinline
func next() (mode string, d time.Duration, rate int, ok bool) {
	if !in.Scan() {
		return "", 0, 0, false
	}
	var ms int
	if _, err := fmt.Sscan(in.Text(), &mode, &ms, &rate); err != nil {
		fmt.Fprintf(os.Stderr, "load: not MODE MILLISECONDS RATE: %q\n", in.Text())
		os.Exit(2)
	}
	return mode, time.Duration(ms) * time.Millisecond, rate, true
}

//go:noinline
func report(ops int, cpu, wall time.Duration) { fmt.Println(ops, int64(cpu), int64(wall)) }

//go:noinline
func newServer() *server {
	s := &server{ints: map[int]int{}, strings: map[string]int{}, names: make([]string, size)}
	for i := range s.names {
		s.names[i] = fmt.Sprintf("user:%04d", i)
		s.ints[i] = i
		s.strings[s.names[i]] = i
	}
	return s
}

func main() {
	// Nothing here leaves garbage behind; a collection in the middle of a slice would only be noise.
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	s := newServer()
	for {
		mode, d, rate, ok := next()
		if !ok {
			return
		}
		cpu, wall := threadTime(), time.Now()
		if rate > 0 {
			n, cpu := servePaced(s.ints, d, rate)
			report(n, cpu, time.Since(wall))
			continue
		}
		n := s.serve(mode, d)
		report(n, threadTime()-cpu, time.Since(wall))
	}
}
