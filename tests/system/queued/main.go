// Holds maps by finalizers that wait: the goroutine that runs finalizers is blocked in the first one. It writes into a file what it has
// made: type, address and length.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

type first struct{ m map[string]int8 }
type queued struct {
	next *queued
	m    map[int]uint16
}

var out *bufio.Writer
var running = make(chan bool)
var block = make(chan bool)

func note(header unsafe.Pointer, kind string, n int) {
	fmt.Fprintf(out, "%s\t0x%x\t%d\n", kind, *(*uintptr)(header), n)
}

//go:noinline
func build() {
	f := &first{m: map[string]int8{"running": 1}}
	note(unsafe.Pointer(&f.m), "map[string]int8", 1)
	runtime.SetFinalizer(f, func(f *first) {
		running <- true
		<-block
		fmt.Println(len(f.m))
	})
	f = nil
}

//go:noinline
func buildQueued() {
	for i := 1; i <= 250; i++ { // more than two blocks of the queue
		q := &queued{m: map[int]uint16{}}
		for j := 0; j < i; j++ {
			q.m[j] = 1
		}
		note(unsafe.Pointer(&q.m), "map[int]uint16", i)
		captured := map[string]uint32{"captured": 1}
		if i%50 == 0 {
			note(unsafe.Pointer(&captured), "map[string]uint32", 1)
		} else {
			captured = nil
		}
		runtime.SetFinalizer(q, func(q *queued) { fmt.Println(len(q.m), len(captured)) })
	}
}

// Overwrites what calls have left on the stack.
//
//go:noinline
func wipe(n int) int {
	var words [512]int
	for i := range words {
		words[i] = n
	}
	if n > 0 {
		return wipe(n-1) + words[n]
	}
	return words[0]
}

// Collects garbage until a finalizer or a cleanup runs.
func awaitRunning() {
	for ran := false; !ran; {
		runtime.GC()
		select {
		case ran = <-running:
		default:
			runtime.Gosched()
		}
	}
}

func run(f func()) {
	done := make(chan bool)
	go func() { f(); wipe(8); done <- true }()
	<-done
}

func main() {
	f, _ := os.Create(os.Args[1])
	out = bufio.NewWriter(f)
	run(build)
	awaitRunning()
	run(buildQueued)
	run(buildCleanups)
	for i := 0; i < 3; i++ {
		runtime.GC()
	}
	out.Flush()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	close(block)
}
