// Deletes for --max-overhead: every goroutine does the same, on a map of its own, and each key is deleted by every goroutine.
//
//	sampled GOROUTINES KEYS [REST]      REST: milliseconds between the goroutines
//
// A goroutine inserts KEYS keys and deletes them by string, by int, and as a struct with a string in it. Then it deletes one string
// that is not there, and clears a map of 3.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

type part struct {
	Name string
	N    int
}

//go:noinline
func dropName(m map[string]int, k string) { delete(m, k) }

//go:noinline
func dropNumber(m map[int]int, k int) { delete(m, k) }

//go:noinline
func dropPart(m map[part]int, k part) { delete(m, k) }

func work(keys int) {
	names, numbers, parts := map[string]int{}, map[int]int{}, map[part]int{}
	for i := 0; i < keys; i++ {
		names[fmt.Sprint("user:", i)] = i
		numbers[i] = i
		parts[part{fmt.Sprint(i), i}] = i
	}
	for i := 0; i < keys; i++ {
		dropName(names, fmt.Sprint("user:", i))
		dropNumber(numbers, i)
		dropPart(parts, part{fmt.Sprint(i), i})
	}
	dropName(names, "nobody")
	for i := 0; i < 3; i++ {
		numbers[i] = i
	}
	clear(numbers)
}

func main() {
	goroutines, _ := strconv.Atoi(os.Args[1])
	keys, _ := strconv.Atoi(os.Args[2])
	rest := 0
	if len(os.Args) > 3 {
		rest, _ = strconv.Atoi(os.Args[3])
	}
	var wait sync.WaitGroup
	for i := 0; i < goroutines; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			work(keys)
		}()
		time.Sleep(time.Duration(rest) * time.Millisecond)
	}
	wait.Wait()
}
