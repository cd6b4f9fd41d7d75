// Gives a part of its heap to userfaultfd(2) and never serves it, for test_looks.py: who reads that part waits forever.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"
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

var big []*int
var m = map[int]int{}

func call(number, a, b, c uintptr) uintptr {
	ret, _, err := syscall.Syscall(number, a, b, c)
	if err != 0 {
		fmt.Println("no userfaultfd:", err)
		select {}
	}
	return ret
}

func main() {
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	debug.SetGCPercent(-1)
	for i := 0; i < 100; i++ {
		m[i] = i
	}
	big = make([]*int, 1<<21)
	fd := call(userfaultfd, closeOnExec, 0, 0)
	hello := [3]uint64{version, 0, 0}
	call(syscall.SYS_IOCTL, fd, api, uintptr(unsafe.Pointer(&hello)))
	from := (uint64(uintptr(unsafe.Pointer(&big[0]))) + 1<<20) &^ 4095
	region := [4]uint64{from, 8 << 20, onMissingPage, 0}
	call(syscall.SYS_IOCTL, fd, register, uintptr(unsafe.Pointer(&region)))
	fmt.Println("ready")
	for {
		m[5] = 1
		delete(m, 5)
		time.Sleep(time.Millisecond)
	}
}
