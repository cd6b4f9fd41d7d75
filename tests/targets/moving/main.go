// Moving deletes while the kernel moves the pages of its stack, its maps and its keys all the time: one thread makes large pages of them and
// splits these again. No kernel program can read a page meanwhile. At the end it says how much it removed.
//
//	moving [-rounds N] [-sync [-protect]]
//
// With -sync it removes from a sync.Map, and from a map whose keys are interfaces: up to Go 1.23 a sync.Map has maps of this kind inside.
// With -protect no page is moved. Instead nobody may read the stack for a part of the time, in which no kernel program can read it either.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const (
	large    = 2 << 20
	cold     = 20 // MADV_COLD for a part of a large page splits it
	collapse = 25 // MADV_COLLAPSE, from Linux 6.1 on
)

var inProtected bool // -protect

// syncRemoved is the part of removed that was in a sync.Map.
type counts struct{ removed, missed, cleared, syncRemoved int }

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

//go:noinline
func removeAny(m map[interface{}]int, k interface{}) { delete(m, k) }

//go:noinline
func removeSync(m *sync.Map, k interface{}) { m.Delete(k) }

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

// workSync removes keys that were just stored, which up to Go 1.23 only the dirty map of a sync.Map has, and others that every map has.
func workSync(rounds int, moves *int64, done *int32) (n counts) {
	m, anys := &sync.Map{}, map[interface{}]int{}
	at := 0
	for i := 0; i < 8; i++ {
		m.Store(-1-i, i)
	}
	if inProtected {
		retryFaults()
		go protect(frame(), moves, done)
	} else {
		for addr := range places(unsafe.Pointer(&at), unsafe.Pointer(m), *(*unsafe.Pointer)(unsafe.Pointer(&anys))) {
			go move(addr, moves, done)
		}
	}
	for ; at < rounds; at++ {
		var k interface{} = at
		m.Store(k, at)
		if at%4 == 0 {
			m.Range(func(k, v interface{}) bool { return true })
		}
		removeSync(m, k)
		removeSync(m, k)
		anys[k], anys["absent"] = at, 1
		removeAny(anys, k)
		removeAny(anys, k)
		n.removed, n.missed, n.syncRemoved = n.removed+2, n.missed+2, n.syncRemoved+1
	}
	return n
}

func main() {
	rounds := flag.Int("rounds", 3000, "how often each delete is done")
	inSync := flag.Bool("sync", false, "remove from a sync.Map")
	flag.BoolVar(&inProtected, "protect", false, "take the right to read the stack away")
	flag.Parse()
	var moves int64
	var done int32
	runtime.LockOSThread()
	do := work
	if *inSync {
		do = workSync
	}
	n := do(*rounds, &moves, &done)
	atomic.StoreInt32(&done, 1)
	fmt.Printf("{\"removed\":%d,\"missed\":%d,\"cleared\":%d,\"syncRemoved\":%d,\"moves\":%d}\n", n.removed, n.missed, n.cleared, n.syncRemoved,
		atomic.LoadInt64(&moves))
}
