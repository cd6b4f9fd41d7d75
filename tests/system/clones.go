// Copies of one map, for test_looks.py: all have the same seed, and they take the addresses of each other. The key of a delete tells which variable holds
// the map.
package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"time"
)

var live, snap, kept map[string]int

func main() {
	live = map[string]int{}
	for i := 0; i < 30; i++ {
		live[fmt.Sprint("k", i)] = i
	}
	snap = maps.Clone(live)
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	fmt.Println("ready")
	for round := 0; ; round++ {
		for i := 0; i < 300; i++ {
			live["live"] = 1
			delete(live, "live")
			snap["snap"] = 1
			delete(snap, "snap")
			time.Sleep(3 * time.Millisecond)
		}
		kept = maps.Clone(live)
		live, snap = nil, nil
		runtime.GC()
		runtime.GC()
		if round%2 == 0 {
			snap = maps.Clone(kept)
			live = maps.Clone(kept)
		} else {
			live = maps.Clone(kept)
			snap = maps.Clone(kept)
		}
		kept = nil
		runtime.GC()
	}
}
