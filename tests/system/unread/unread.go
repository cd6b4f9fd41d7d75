// Deletes while the goroutine cannot be read: R14 has another descriptor, whose first two words (the bounds of the stack) are on a page
// that nobody may read. To a kernel program this looks like a page that the kernel is just moving, at each hit.
//
//	unread MISSES REMOVALS
//	unread parts
//
// After a line on stdin: so many deletes of absent keys, so many of present ones, a delete that faults and whose panic comes with the true
// descriptor, and one more of an absent key. With "parts": a delete whose third frame cannot be read, and a delete and a clear that fault,
// because the header of the map cannot be read.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"
)

const page = 4096

// descriptor returns the address of the goroutine's descriptor.
func descriptor() uintptr

// with calls fn(m, string{p, n}) with the descriptor `of`. If frame is not 0, fn takes it for the frame of its caller's caller.
func with(fn, of, m, p, n, frame uintptr)

//go:noinline
func del(m map[string]int, k string) { delete(m, k) }

//go:noinline
func wipe(m map[string]int) { clear(m) }

// unreadable returns the address of a page that nobody may read, and of a copy of the descriptor after it.
func unreadable() (uintptr, uintptr) {
	b, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	copy(b[page:], unsafe.Slice((*byte)(unsafe.Pointer(descriptor()+16)), 256))
	if err := syscall.Mprotect(b[:page], syscall.PROT_NONE); err != nil {
		panic(err)
	}
	return uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&b[page]))
}

// unbounded returns a copy of the descriptor, whose stack is all memory.
func unbounded() *[34]uintptr {
	g := new([34]uintptr)
	copy(g[2:], unsafe.Slice((*uintptr)(unsafe.Pointer(descriptor()+16)), 32))
	g[1] = 1 << 62
	return g
}

func faults(f func(map[string]int), header uintptr) {
	defer func() {
		if recover() == nil {
			panic("no fault")
		}
	}()
	f(*(*map[string]int)(unsafe.Pointer(&header)))
}

func parts() {
	debug.SetPanicOnFault(true)
	closed, _ := unreadable()
	g, m, k := unbounded(), map[string]int{"key": 1}, "key"
	with(reflect.ValueOf(del).Pointer(), uintptr(unsafe.Pointer(g)), *(*uintptr)(unsafe.Pointer(&m)), uintptr(unsafe.Pointer(unsafe.StringData(k))), 3, closed)
	faults(func(m map[string]int) { del(m, "key") }, closed)
	faults(wipe, closed)
	fmt.Println("done", len(m))
}

func remove(g uintptr, m map[string]int, p, n uintptr) (faulted bool) {
	defer func() { faulted = recover() != nil }()
	with(reflect.ValueOf(del).Pointer(), g, *(*uintptr)(unsafe.Pointer(&m)), p, n, 0)
	return
}

func removeKey(g uintptr, m map[string]int, k string) {
	if remove(g, m, uintptr(unsafe.Pointer(unsafe.StringData(k))), uintptr(len(k))) {
		panic("a delete has faulted")
	}
	runtime.KeepAlive(k)
}

func number(i int) int {
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		panic(err)
	}
	return n
}

func start() {
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func main() {
	if os.Args[1] == "parts" {
		start()
		parts()
		return
	}
	misses, removals := number(1), number(2)
	m := map[string]int{}
	for i := 0; i < removals+100; i++ {
		m["key:"+strconv.Itoa(i)] = i
	}
	start()
	_, after := unreadable()
	g := after - 16
	for i := 0; i < misses; i++ {
		removeKey(g, m, "absent:"+strconv.Itoa(i))
	}
	for i := 0; i < removals; i++ {
		removeKey(g, m, "key:"+strconv.Itoa(i))
	}
	if !remove(g, m, 8, 100) {
		panic("the delete has not faulted")
	}
	removeKey(g, m, "absent")
	fmt.Println("done", len(m))
}
