package main

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const page = 4096

// handlers returns the addresses of a signal handler that does nothing, and of the code that ends it.
func handlers() (handler, restorer uintptr)

func nothing()
func restore()

// frame returns an address in the stack of its caller.
func frame() uintptr

// action is the kernel's struct sigaction.
type action struct {
	handler, flags, restorer, mask uintptr
}

// retryFaults makes each access to memory that may not be read wait until it may be. No handler of Go may run in this thread, because a
// fault in it would end the program. The world is never stopped, because protect could be stopped too.
func retryFaults() {
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(4)
	urgent := uint64(1) << (syscall.SIGURG - 1)
	if _, _, err := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, 0, uintptr(unsafe.Pointer(&urgent)), 0, 8, 0, 0); err != 0 {
		panic(err)
	}
	const sigInfo, onStack, noDefer, hasRestorer = 0x4, 0x08000000, 0x40000000, 0x04000000
	handler, restorer := handlers()
	a := action{handler: handler, flags: sigInfo | onStack | noDefer | hasRestorer, restorer: restorer}
	if _, _, err := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGSEGV), uintptr(unsafe.Pointer(&a)), 0, 8, 0, 0); err != 0 {
		panic(err)
	}
}

// protect takes the right to read the pages of a stack away and gives it back, until done.
func protect(stack uintptr, moves *int64, done *int32) {
	runtime.LockOSThread()
	first := stack&^(page-1) - page
	for atomic.LoadInt32(done) == 0 {
		syscall.RawSyscall(syscall.SYS_MPROTECT, first, 2*page, syscall.PROT_NONE)
		syscall.RawSyscall(syscall.SYS_MPROTECT, first, 2*page, syscall.PROT_READ|syscall.PROT_WRITE)
		atomic.AddInt64(moves, 1)
		for i := 0; i < 100; i++ {
			atomic.LoadInt32(done)
		}
	}
}
