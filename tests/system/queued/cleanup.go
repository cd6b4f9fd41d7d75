//go:build go1.24

package main

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"
)

type watched struct{ n [4]int }

var alive *watched

//go:noinline
func addCleanup(to *watched, i int) {
	m := map[int]uint64{}
	for j := 0; j < i; j++ {
		m[j] = 1
	}
	note(unsafe.Pointer(&m), "map[int]uint64", i)
	runtime.AddCleanup(to, func(m map[int]uint64) { fmt.Println(len(m)) }, m)
}

//go:noinline
func blockCleanups() {
	runtime.AddCleanup(&watched{}, func(int) {
		running <- true
		<-block
	}, 1)
}

// Adds a cleanup that waits for the death of its object, and some whose objects are dead. To Go 1.24 finalizers run them.
func buildCleanups() {
	runtime.GOMAXPROCS(1) // one goroutine runs cleanups
	if !strings.HasPrefix(runtime.Version(), "go1.24") {
		run(blockCleanups)
		awaitRunning()
	}
	run(func() {
		alive = new(watched)
		addCleanup(alive, 300)
		for i := 1; i <= 50; i++ {
			addCleanup(&watched{}, i)
		}
	})
}
