// Moving deletes while the kernel moves the pages of its stack, its maps and its keys all the time: one thread makes large pages of them and
// splits these again. No kernel program can read a page meanwhile. At the end it says how much it removed.
//
//	moving [-rounds N]
package main

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	large    = 2 << 20
	cold     = 20 // MADV_COLD for a part of a large page splits it
	collapse = 25 // MADV_COLLAPSE, from Linux 6.1 on
)

type counts struct{ removed, missed, cleared int }

//go:noinline
func remove(m map[string]int, k string) { delete(m, k) }

//go:noinline
func removeInt(m map[int]int, k int) { delete(m, k) }

//go:noinline
func wipe(m map[int]int) {
	for k := range m {
		delete(m, k)
	}
}

// move makes a large page at the address, and splits it, until done.
func move(addr uintptr, moves *int64, done *int32) {
	runtime.LockOSThread()
	for atomic.LoadInt32(done) == 0 {
		if _, _, err := syscall.RawSyscall(syscall.SYS_MADVISE, addr, large, collapse); err == 0 {
			atomic.AddInt64(moves, 1)
		}
		syscall.RawSyscall(syscall.SYS_MADVISE, addr+large/2, 4096, cold)
		runtime.Gosched()
	}
}

// places returns the large pages that hold what is pointed to. Its caller's stack is one of them.
func places(pointers ...unsafe.Pointer) map[uintptr]bool {
	found := map[uintptr]bool{}
	for _, p := range pointers {
		found[uintptr(p)&^(large-1)] = true
	}
	return found
}

func work(rounds int, moves *int64, done *int32) (n counts) {
	names, ints, keys := map[string]int{}, map[int]int{}, make([]string, 64)
	for i := range keys {
		keys[i] = "key:" + strconv.Itoa(i)
	}
	at := 0
	for addr := range places(unsafe.Pointer(&at), *(*unsafe.Pointer)(unsafe.Pointer(&names)), *(*unsafe.Pointer)(unsafe.Pointer(&ints)),
		unsafe.Pointer(&keys[0])) {
		go move(addr, moves, done)
	}
	for ; at < rounds; at++ {
		k := keys[at%len(keys)]
		names[k] = at
		remove(names, k)
		remove(names, k)
		ints[at], ints[at+1] = 1, 1
		removeInt(ints, at)
		n.removed, n.missed = n.removed+2, n.missed+1
		if at%8 == 0 {
			n.cleared += len(ints)
			wipe(ints)
		}
	}
	return n
}

func main() {
	rounds := flag.Int("rounds", 3000, "how often each delete is done")
	flag.Parse()
	var moves int64
	var done int32
	runtime.LockOSThread()
	n := work(*rounds, &moves, &done)
	atomic.StoreInt32(&done, 1)
	fmt.Printf("{\"removed\":%d,\"missed\":%d,\"cleared\":%d,\"moves\":%d}\n", n.removed, n.missed, n.cleared, atomic.LoadInt64(&moves))
}
