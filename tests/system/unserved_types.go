// Deletes from maps whose types, and types of keys, are on pages that it then gives to userfaultfd(2) and never serves, for
// test_hostile.py: who reads such a type waits forever. Each line from standard input that is a number makes it delete so many elements of
// another map.
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
	userfaultfd   = 323 // the system call
	closeOnExec   = 02000000
	api           = 0xc018aa3f
	register      = 0xc020aa00
	version       = 0xaa
	onMissingPage = 1
	dontNeed      = 4
	page          = 4096
	size          = 256 // of a type, at most
)

type words struct{ kind, data unsafe.Pointer }

var plain = map[string]int{}
var mixed = map[any]int{}
var typed any = map[int32]int{}
var memory []byte

func call(number, a, b, c uintptr) uintptr {
	ret, _, err := syscall.Syscall(number, a, b, c)
	if err != 0 {
		fmt.Println("no userfaultfd:", err)
		select {}
	}
	return ret
}

// Makes a value's type one at `at`, a copy.
func move(value *any, at int) {
	w := (*words)(unsafe.Pointer(value))
	copy(memory[at:at+size], unsafe.Slice((*byte)(w.kind), size))
	w.kind = unsafe.Pointer(&memory[at])
}

func main() {
	debug.SetGCPercent(-1)
	memory, _ = syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	fd := call(userfaultfd, closeOnExec, 0, 0)
	hello := [3]uint64{version, 0, 0}
	call(syscall.SYS_IOCTL, fd, api, uintptr(unsafe.Pointer(&hello)))
	region := [4]uint64{uint64(uintptr(unsafe.Pointer(&memory[0]))), 2 * page, onMissingPage, 0}
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
	call(syscall.SYS_IOCTL, fd, register, uintptr(unsafe.Pointer(&region)))
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
