package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"
)

const (
	dontNeed = 4
	page     = 4096
	size     = 256 // of a type, at most
)

type words struct{ kind, data unsafe.Pointer }

var plain = map[string]int{}
var mixed = map[any]int{}
var typed any = map[int32]int{}
var memory []byte

// Makes a value's type one at `at`, a copy.
func move(value *any, at int) {
	w := (*words)(unsafe.Pointer(value))
	copy(memory[at:at+size], unsafe.Slice((*byte)(w.kind), size))
	w.kind = unsafe.Pointer(&memory[at])
}

// Deletes from maps whose types, and types of keys, are on pages that it gives then. Each line from standard input that is a number makes
// it delete so many elements of another map.
func giveTypes() {
	debug.SetGCPercent(-1)
	memory, _ = syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	fd := open()
	typed.(map[int32]int)[5] = 5
	var key any = int64(77)
	move(&key, 0)
	mixed[key] = 1
	move(&typed, page)
	there := reflect.ValueOf(typed)
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	delete(mixed, key)
	there.SetMapIndex(reflect.ValueOf(int32(5)), reflect.Value{})
	// tophash stands still meanwhile, and reads the events afterwards.
	call(syscall.SYS_MADVISE, uintptr(unsafe.Pointer(&memory[0])), 2*page, dontNeed)
	give(fd, uint64(uintptr(unsafe.Pointer(&memory[0]))), 2*page)
	fmt.Println("unserved")
	for in.Scan() {
		n, _ := strconv.Atoi(in.Text())
		for i := 0; i < n; i++ {
			plain[strconv.Itoa(i)] = i
			delete(plain, strconv.Itoa(i))
		}
		fmt.Println("done")
	}
}
