// TASK N SEED [REPEATS]: what driver.cc and suite.h do, over Go's own map; prints the same lines.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

type table = map[Key]Val

var (
	start = time.Now()
	zero  uint64 // stays 0
)

// now is the CPU time of this thread, as harness.h has it; main keeps to one thread. The collector's own threads are not in it.
func now() float64 {
	const threadCPU = 3
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPU, uintptr(unsafe.Pointer(&ts)), 0)
	return float64(ts.Nano())
}

// clockCost is what now itself takes.
var clockCost = func() float64 {
	least := 1e9
	for i := 0; i < 1000; i++ {
		began := now()
		if took := now() - began; took < least {
			least = took
		}
	}
	return least
}()

func check(what string, got, want uint64) {
	if got != want {
		fmt.Fprintf(os.Stderr, "wrong answer: %s: %d, not %d\n", what, got, want)
		os.Exit(1)
	}
}

//go:noinline
func putAll(m table, keys []Key) {
	for i, key := range keys {
		m[key] = makeVal(uint64(i))
	}
}

//go:noinline
func getAll(m table, keys []Key) (sum uint64) {
	for _, key := range keys {
		val := m[key]
		sum += valWord(&val)
	}
	return sum
}

//go:noinline
func getDependent(m table, keys []Key, zero uint64) (sum uint64) {
	last := uint64(0)
	for _, key := range keys {
		val := m[depend(key, last&zero)]
		last = valWord(&val)
		sum += last
	}
	return sum
}

// eraseAll counts by len: delete does not say whether the key was there.
//
//go:noinline
func eraseAll(m table, keys []Key) uint64 {
	before := len(m)
	for _, key := range keys {
		delete(m, key)
	}
	return uint64(before - len(m))
}

//go:noinline
func churn(m table, victim, fresh []Key) {
	for i, key := range fresh {
		delete(m, victim[i])
		m[key] = makeVal(uint64(i))
	}
}

//go:noinline
func iterate(m table) (sum uint64) {
	for key, val := range m {
		sum += keyWord(key) + valWord(&val)
	}
	return sum
}

func timed(r report, name string, operations int, fn func() uint64) uint64 {
	began := now()
	value := fn()
	r.add(name, (now()-began-clockCost)/float64(operations))
	return value
}

func measureGrown(s *streams, r report) {
	n := len(s.in)
	m := table{}
	timed(r, "insert", n, func() uint64 { putAll(m, s.in); return 0 })
	check("size", uint64(len(m)), uint64(n))
	check("hit", timed(r, "hit", len(s.hit), func() uint64 { return getAll(m, s.hit) }), s.hitSum)
	check("miss", timed(r, "miss", len(s.out), func() uint64 { return getAll(m, s.out) }), 0)
	check("dependent hit", timed(r, "hit_dependent", len(s.hit), func() uint64 {
		return getDependent(m, s.hit, zero)
	}), s.hitSum)
	check("iterate", timed(r, "iterate", n, func() uint64 { return iterate(m) }), s.inSum)
	check("erase miss", timed(r, "erase_miss", len(s.out), func() uint64 { return eraseAll(m, s.out) }), 0)
	timed(r, "put_again", n, func() uint64 { putAll(m, s.erase); return 0 })
	check("sum after putting again", iterate(m), s.inSum)
	timed(r, "churn", 2*n, func() uint64 { churn(m, s.victim, s.fresh); return 0 })
	check("size after churn", uint64(len(m)), uint64(n))
	check("iterate after churn", timed(r, "churn_iterate", n, func() uint64 { return iterate(m) }), s.churnedSum)
	check("miss after churn", timed(r, "churn_miss", len(s.out), func() uint64 { return getAll(m, s.out) }), 0)
}

func measureErase(s *streams, r report) {
	n := len(s.in)
	half := n / 2
	began := now()
	m := make(table, n)
	timed(r, "insert_reserved", n, func() uint64 { putAll(m, s.in); return 0 })
	r.add("reserve_insert", (now()-began-3*clockCost)/float64(n))
	began = now()
	check("erase hit", timed(r, "erase_hit", half, func() uint64 { return eraseAll(m, s.erase[:half]) }), uint64(half))
	check("erase all", eraseAll(m, s.erase[half:]), uint64(n-half))
	r.add("erase_all", (now()-began-3*clockCost)/float64(n))
}

func measureSpeed(n int, seed uint64, repeats int, r report) {
	for i := 0; i < repeats; i++ {
		s := makeStreams(n, seed*1000+uint64(i), true)
		runtime.GC() // what making the streams left behind is not the map's
		measureGrown(s, r)
		measureErase(s, r)
	}
}

// memoryHeld is what the process has once the collector gave back what it could.
func memoryHeld() float64 {
	debug.FreeOSMemory()
	file, err := os.Open("/proc/self/smaps_rollup")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if words := strings.Fields(lines.Text()); words[0] == "Anonymous:" {
			kb, _ := strconv.Atoi(words[1])
			return float64(kb) * 1024
		}
	}
	fmt.Fprintln(os.Stderr, "/proc/self/smaps_rollup: no line \"Anonymous:\"")
	os.Exit(1)
	return 0
}

func measureMemory(n int, seed uint64, r report) {
	s := makeStreams(n, seed*1000, false)
	most, copies := n-n/10, 1
	if n < 200000 {
		copies = 200000/n + 1
	}
	tables := make([]table, copies)
	before := memoryHeld()
	for i := range tables {
		tables[i] = table{}
		putAll(tables[i], s.in)
	}
	r.add("bytes", (memoryHeld()-before)/float64(copies*n))
	for _, m := range tables {
		check("erase", eraseAll(m, s.erase[:most]), uint64(most))
	}
	r.add("bytes_erased", (memoryHeld()-before)/float64(copies*(n-most)))
	runtime.KeepAlive(tables)
	runtime.KeepAlive(s)
}

func measureLatency(n int, seed uint64, r report) {
	s := makeStreams(n, seed*1000, false)
	var empty, grow, shrink histogram
	m := table{}
	runtime.GC()
	for range s.in {
		began := time.Since(start)
		empty.add(uint64(time.Since(start) - began))
	}
	for i, key := range s.in {
		began := time.Since(start)
		m[key] = makeVal(uint64(i))
		grow.add(uint64(time.Since(start) - began))
	}
	check("sum", iterate(m), s.inSum)
	for _, key := range s.erase {
		began := time.Since(start)
		delete(m, key)
		shrink.add(uint64(time.Since(start) - began))
	}
	check("erase all", uint64(len(m)), 0)
	empty.printTo(r, "empty")
	grow.printTo(r, "grow")
	shrink.printTo(r, "shrink")
}

func number(i int, absent uint64) uint64 {
	if i >= len(os.Args) {
		return absent
	}
	value, err := strconv.ParseUint(os.Args[i], 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}

func main() {
	runtime.LockOSThread()
	if len(os.Args) < 4 {
		fmt.Fprintf(os.Stderr, "usage: %s speed|memory|latency N SEED [REPEATS]\n", os.Args[0])
		os.Exit(2)
	}
	n, seed, r := int(number(2, 0)), number(3, 0), report{}
	switch os.Args[1] {
	case "speed":
		measureSpeed(n, seed, int(number(4, 1)), r)
	case "memory":
		measureMemory(n, seed, r)
	default:
		measureLatency(n, seed, r)
	}
	r.print()
}
