// Has maps of types that nothing else uses, and changes each in one way when it gets a line on standard input. It writes the type and address of
// each map before and after, in a line: the truth of test_maps_diff.py.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

type grown struct{ n int64 }
type emptied struct{ n int64 }
type filled struct{ n int64 }
type dropped struct{ n int64 }
type made struct{ n int64 }
type moved struct{ n int64 }
type same struct{ n int64 }

// The interfaces tell the types, also in a stripped program.
var all [7]interface{}

func header(m interface{}) uintptr { return (*[2]uintptr)(unsafe.Pointer(&m))[1] }

func isGrowing(m map[int]moved) bool { // classic maps
	return *(*uintptr)(unsafe.Pointer(header(m) + 24)) != 0
}

func show() {
	for _, m := range all {
		if m != nil {
			fmt.Printf("%T 0x%x ", m, header(m))
		}
	}
	fmt.Println()
}

//go:noinline
func makeThem(classic bool) {
	grow, empty, fill, drop, move, stay := map[int]grown{}, map[int]emptied{}, make(map[int]filled, 1000), map[int]dropped{}, map[int]moved{}, map[int]same{}
	for i := 0; i < 1000; i++ {
		empty[i], stay[i], drop[i] = emptied{}, same{}, dropped{}
	}
	for i := 0; i < 100; i++ {
		fill[i], grow[i] = filled{}, grown{}
	}
	for i := 0; i < 10 || classic && (i < 200 || !isGrowing(move)); i++ {
		move[i] = moved{}
	}
	all = [7]interface{}{grow, empty, fill, drop, nil, move, stay}
}

//go:noinline
func change() {
	grow, empty, fill, move := all[0].(map[int]grown), all[1].(map[int]emptied), all[2].(map[int]filled), all[5].(map[int]moved)
	for i := 0; i < 1000; i++ {
		grow[i] = grown{}
	}
	for i := 0; i < 900; i++ {
		delete(empty, i)
	}
	for i := 0; i < 400; i++ {
		fill[i] = filled{}
	}
	move[0] = moved{1} // of a map that grows, it moves a bucket or two
	all[3] = nil
	all[4] = map[int]made{1: {1}}
}

// Runs f in a goroutine of its own, whose stack is gone afterwards with all words that f has left on it.
func apart(f func()) {
	done := make(chan bool)
	go func() { f(); done <- true }()
	<-done
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	apart(func() { makeThem(len(os.Args) > 1 && os.Args[1] == "classic") })
	for i := 0; ; i++ {
		runtime.GC()
		runtime.GC()
		show()
		if !in.Scan() {
			return
		}
		if i == 0 {
			apart(change)
		}
	}
}
