// Replaces maps all the time, as fast as it can: replaced_maps SLOTS GOROUTINES. Each slot has a map at every instant, so that the
// number of maps of this type is the number of slots, and of those that are just being made. Each line on its input is answered with
// the number of maps that were replaced so far.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
)

type thing struct{ a, b int }

type slots struct {
	maps     []map[int]*thing
	replaced atomic.Int64
}

var all []interface{}

func (s *slots) replace() {
	for i := 0; ; i++ {
		m := make(map[int]*thing)
		for j := 0; j < 3; j++ {
			m[j] = &thing{i, j}
		}
		s.maps[i%len(s.maps)] = m
		s.replaced.Add(1)
		if i%100 == 0 {
			runtime.Gosched()
		}
	}
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	goroutines, _ := strconv.Atoi(os.Args[2])
	for at := 0; at < goroutines; at++ {
		s := &slots{maps: make([]map[int]*thing, n/goroutines)}
		for i := range s.maps {
			s.maps[i] = map[int]*thing{1: {}}
		}
		all = append(all, s)
		go s.replace()
	}
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		sum := int64(0)
		for _, s := range all {
			sum += s.(*slots).replaced.Load()
		}
		fmt.Println(sum)
	}
}
