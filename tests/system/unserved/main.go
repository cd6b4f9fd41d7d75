// Gives memory to userfaultfd(2) and never serves it: who reads it waits forever. The argument says which: "heap" (test_looks.py) or
// "types" (test_hostile.py).
package main

import (
	"fmt"
	"os"
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
)

func call(number, a, b, c uintptr) uintptr {
	ret, _, err := syscall.Syscall(number, a, b, c)
	if err != 0 {
		fmt.Println("no userfaultfd:", err)
		select {}
	}
	return ret
}

// Returns a descriptor to which memory can be given.
func open() uintptr {
	fd := call(userfaultfd, closeOnExec, 0, 0)
	hello := [3]uint64{version, 0, 0}
	call(syscall.SYS_IOCTL, fd, api, uintptr(unsafe.Pointer(&hello)))
	return fd
}

func give(fd uintptr, from, size uint64) {
	region := [4]uint64{from, size, onMissingPage, 0}
	call(syscall.SYS_IOCTL, fd, register, uintptr(unsafe.Pointer(&region)))
}

func main() {
	if os.Args[1] == "heap" {
		giveHeap()
	} else {
		giveTypes()
	}
}
