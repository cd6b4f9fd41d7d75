// Deletes for --summary, whose table is the same whether the kernel program counts them or writes a record for each:
// many goroutines, many stacks, several types, made by reflect too.
package main

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"strconv"
	"sync"
	"time"
)

type point struct{ X, Y int }

//go:noinline
func dropInt(m map[int]int, k int) { delete(m, k) }

//go:noinline
func dropString(m map[string]bool, k string) { delete(m, k) }

//go:noinline
func dropPoint(m map[point]string, k point) { delete(m, k) }

// Each value of bits is a stack of its own: two calls, at two addresses, a level.
//
//go:noinline
func deep(m map[int]int, level int, bits uint) int {
	if level == 0 {
		dropInt(m, 1)
		return 0
	}
	if bits&1 == 0 {
		return deep(m, level-1, bits>>1) + 1
	}
	return deep(m, level-1, bits>>1) + 2
}

func goroutines(n int, f func(i int)) {
	var wait sync.WaitGroup
	for i := 0; i < n; i++ {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			f(i)
		}(i)
	}
	wait.Wait()
}

func main() {
	made := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(point{}), reflect.TypeOf(uint16(0))))
	for i := 0; i < 20; i++ {
		made.SetMapIndex(reflect.ValueOf(point{i, i}), reflect.ValueOf(uint16(1)))
		made.SetMapIndex(reflect.ValueOf(point{i, i}), reflect.Value{})
	}
	time.Sleep(300 * time.Millisecond) // the type that reflect made is read from the process, while nothing else waits
	stacks, _ := strconv.Atoi(os.Args[1])
	for _, n := range []int{1, 63, 64} {
		n := n
		goroutines(n, func(i int) {
			m := map[point]string{}
			for k := 0; k < 50; k++ {
				m[point{n, k}] = "x"
				switch n { // a line of its own for each n
				case 1:
					delete(m, point{n, k})
				case 63:
					delete(m, point{n, k})
				case 64:
					delete(m, point{n, k})
				}
			}
		})
	}
	goroutines(200, func(i int) {
		m := map[string]bool{}
		for k := 0; k < 10; k++ {
			key := fmt.Sprint(i, k)
			m[key] = true
			dropString(m, key)
		}
	})
	m := map[int]int{}
	for i := 0; i < stacks; i++ {
		m[1] = 1
		deep(m, 14, uint(i))
	}
	for i := 0; i < 300; i++ {
		m[i] = i
	}
	maps.DeleteFunc(m, func(k, v int) bool { return k%2 == 0 }) // 150
	clear(m)                                                    // 150
	p := map[point]string{{1, 2}: "a"}
	dropPoint(p, point{1, 2})
	delete(m, 12345) // a miss
}
