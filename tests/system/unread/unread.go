// Deletes while the goroutine cannot be read: R14 has another descriptor, whose first two words (the bounds of the stack) are on a page
// that nobody may read. To a kernel program this looks like a page that the kernel is just moving, at each hit.
//
//	unread MISSES REMOVALS
//
// After a line on stdin: so many deletes of absent keys, so many of present ones, a delete that faults and whose panic comes with the true
// descriptor, and one more of an absent key.
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

// with calls fn(m, string{p, n}) with the descriptor `of`.
func with(fn, of, m, p, n uintptr)

//go:noinline
func del(m map[string]int, k string) { delete(m, k) }

// unreadable returns a copy of the descriptor, whose bounds of the stack cannot be read.
func unreadable() uintptr {
	b, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	copy(b[page:], unsafe.Slice((*byte)(unsafe.Pointer(descriptor()+16)), 256))
	if err := syscall.Mprotect(b[:page], syscall.PROT_NONE); err != nil {
		panic(err)
	}
	return uintptr(unsafe.Pointer(&b[page])) - 16
}

func remove(g uintptr, m map[string]int, p, n uintptr) (faulted bool) {
	defer func() { faulted = recover() != nil }()
	with(reflect.ValueOf(del).Pointer(), g, *(*uintptr)(unsafe.Pointer(&m)), p, n)
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

func main() {
	misses, removals := number(1), number(2)
	m := map[string]int{}
	for i := 0; i < removals+100; i++ {
		m["key:"+strconv.Itoa(i)] = i
	}
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	g := unreadable()
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
