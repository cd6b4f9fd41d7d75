// Busy inserts and deletes in a tight loop, and says at the end how many elements it removed and how long one delete took. It is the
// program under the benchmarks: what a tracer costs shows in ns_per_op.
//
//	busy [-mode int|string|pointer|miss|clear] [-ops N | -seconds S] [-size N] [-gate]
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"time"
)

type item struct{ id, payload int }

// batch is how many operations run between two looks at the clock.
const batch = 4096

//go:noinline
func deleteInt(m map[int]int, k int) { delete(m, k) }

//go:noinline
func deleteString(m map[string]int, k string) { delete(m, k) }

//go:noinline
func deletePointer(m map[*item]int, k *item) { delete(m, k) }

//go:noinline
func missInt(m map[int]int, k int) { delete(m, k) }

//go:noinline
func clearInt(m map[int]int) {
	for k := range m {
		delete(m, k)
	}
}

// A loop does n operations, from operation number i on.
func loop(mode string, size int) (func(i, n int), func() int) {
	ints := map[int]int{}
	strings := map[string]int{}
	pointers := map[*item]int{}
	names := make([]string, size)
	items := make([]*item, size)
	for i := range names {
		names[i] = fmt.Sprintf("user:%d", i)
		items[i] = &item{id: i}
		ints[i] = i
		strings[names[i]] = i
		pointers[items[i]] = i
	}
	switch mode {
	case "int":
		return func(i, n int) {
			for ; n > 0; i, n = i+1, n-1 {
				deleteInt(ints, i%size)
				ints[i%size] = i
			}
		}, func() int { return len(ints) }
	case "string":
		return func(i, n int) {
			for ; n > 0; i, n = i+1, n-1 {
				k := names[i%size]
				deleteString(strings, k)
				strings[k] = i
			}
		}, func() int { return len(strings) }
	case "pointer":
		return func(i, n int) {
			for ; n > 0; i, n = i+1, n-1 {
				k := items[i%size]
				deletePointer(pointers, k)
				pointers[k] = i
			}
		}, func() int { return len(pointers) }
	case "miss":
		return func(i, n int) {
			for ; n > 0; i, n = i+1, n-1 {
				missInt(ints, -1-i%size)
			}
		}, func() int { return len(ints) }
	case "clear":
		return func(i, n int) {
			for ; n > 0; i, n = i+1, n-1 {
				clearInt(ints)
				ints[i%size] = i
			}
		}, func() int { return len(ints) }
	}
	return nil, nil
}

func main() {
	mode := flag.String("mode", "int", "what to delete: int, string, pointer, miss, clear")
	ops := flag.Int("ops", 0, "stop after this many operations")
	seconds := flag.Float64("seconds", 0, "stop after this many seconds (5 when -ops is not given either)")
	size := flag.Int("size", 1000, "elements in the map")
	gate := flag.Bool("gate", false, "wait for a line on stdin before the start")
	flag.Parse()
	if *ops == 0 && *seconds == 0 {
		*seconds = 5
	}
	run, length := loop(*mode, *size)
	if run == nil || *size < 1 {
		fmt.Fprintf(os.Stderr, "busy: no such mode: %s\n", *mode)
		os.Exit(2)
	}
	if *gate {
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	limit := time.Duration(*seconds * float64(time.Second))
	done := 0
	start := time.Now()
	for (*ops == 0 || done < *ops) && (*seconds == 0 || time.Since(start) < limit) {
		n := batch
		if *ops > 0 && *ops-done < n {
			n = *ops - done
		}
		run(done, n)
		done += n
	}
	elapsed := time.Since(start)
	removed, missed, clears, cleared := done, 0, 0, 0
	switch *mode {
	case "miss":
		removed, missed = 0, done
	case "clear":
		// The first clear takes the whole map, each later one the single element that was put in after the last.
		removed, clears, cleared = 0, done, done-1+*size
		if done == 0 {
			cleared = 0
		}
	}
	fmt.Printf(`{"program":"busy","mode":%q,"ops":%d,"removed":%d,"missed":%d,"clears":%d,"cleared":%d,"len":%d,"ns":%d,"ns_per_op":%.2f}`+"\n",
		*mode, done, removed, missed, clears, cleared, length(), elapsed.Nanoseconds(),
		float64(elapsed.Nanoseconds())/float64(done))
}
