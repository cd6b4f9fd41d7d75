package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"
	"unsafe"
)

var big []*int
var m = map[int]int{}

// Gives a part of the heap.
func giveHeap() {
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	debug.SetGCPercent(-1)
	for i := 0; i < 100; i++ {
		m[i] = i
	}
	big = make([]*int, 1<<21)
	from := (uint64(uintptr(unsafe.Pointer(&big[0]))) + 1<<20) &^ 4095
	give(open(), from, 8<<20)
	fmt.Println("ready")
	for {
		m[5] = 1
		delete(m, 5)
		time.Sleep(time.Millisecond)
	}
}
