// Zoo does the same deletes each time it is told "round": one of every kind that a filter can ask for. At its start it tells where its
// maps are. For tests that compare what a filter lets through with what there is. It builds with Go 1.19.
//
//	round      the deletes; then "done"
//	deep N     one delete below N calls
//	threads N  N goroutines, each on a thread of its own, remove 100 elements each
//	leave      the main thread ends, the others go on: one of them answers from now on
//	exit CODE  ends
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

type point struct{ X, Y int }
type node struct{ id int }
type store[K comparable, V any] struct{ m map[K]V }
type named map[string]point

var (
	users   = map[string]int{}
	numbers = map[int]string{}
	flags   = map[bool]int{}
	nodes   = map[*node]int{}
	floats  = map[float64]int{}
	points  = map[point]string{}
	pairs   = map[[2]int]string{}
	anys    = map[interface{}]int{}
	others  = named{}
	scratch = map[string]bool{}
	generic = &store[string, [4]int]{m: map[string][4]int{}}
	list    = []*node{{1}, {2}, {3}}
	long    = strings.Repeat("0123456789", 30)
)

//go:noinline
func (s *store[K, V]) drop(k K) { delete(s.m, k) }

//go:noinline
func dropUser(k string) { delete(users, k) }

//go:noinline
func evict(k string) {
	delete(users, k)
}

//go:noinline
func wipe() {
	for k := range scratch {
		delete(scratch, k)
	}
}

func round() {
	for i := 1; i <= 5; i++ {
		users["user:"+strconv.Itoa(i)] = i
		numbers[i] = ""
	}
	users["admin"], users["42"], users["true"], users["[x]"], users[""], users[long] = 1, 2, 3, 4, 5, 6
	numbers[42], numbers[-7] = "", ""
	for _, k := range []string{"user:1", "user:2", "42", "true", "[x]", "", long} {
		dropUser(k)
	}
	for _, k := range []string{"admin", "user:3", "user:4", "user:5"} {
		evict(k)
	}
	for _, k := range []int{1, 2, 3, 4, 5, 42, -7} {
		delete(numbers, k)
	}
	flags[true], flags[false] = 1, 2
	delete(flags, true)
	delete(flags, false)
	for _, n := range list {
		nodes[n] = n.id
		delete(nodes, n)
	}
	for _, f := range []float64{1.5, 0, -2.25, 42} {
		floats[f] = 1
		delete(floats, f)
	}
	for _, p := range []point{{1, 2}, {3, 4}} {
		points[p] = ""
		delete(points, p)
		pairs[[2]int{p.X, p.Y}] = ""
		delete(pairs, [2]int{p.X, p.Y})
	}
	for _, k := range []interface{}{42, "42", "word", true, point{1, 2}, 1.5} {
		anys[k] = 1
		delete(anys, k)
	}
	others["user:1"] = point{}
	delete(others, "user:1")
	generic.m["user:2"] = [4]int{}
	generic.drop("user:2")
	scratch["a"], scratch["b"] = true, true
	wipe()
	delete(users, "nobody")
}

//go:noinline
func deep(n int) int {
	if n > 0 {
		return deep(n-1) + 1
	}
	users["deep"] = 1
	dropUser("deep")
	return 0
}

func threads(n int) {
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			m := map[int]int{}
			for k := 0; k < 100; k++ {
				m[k] = k
			}
			for k := 0; k < 100; k++ {
				delete(m, k)
			}
		}(i)
	}
	all.Wait()
}

func goid() int {
	buf := make([]byte, 64)
	id, _ := strconv.Atoi(strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1])
	return id
}

func serve(in *bufio.Scanner, rounds chan chan bool, leave chan bool) {
	for in.Scan() {
		words := strings.Fields(in.Text())
		n := 0
		if len(words) > 1 {
			n, _ = strconv.Atoi(words[1])
		}
		switch words[0] {
		case "round":
			round()
			done := make(chan bool) // and once more in the other goroutine
			rounds <- done
			<-done
		case "deep":
			deep(n)
		case "threads":
			threads(n)
		case "leave":
			close(leave)
		case "exit":
			os.Exit(n)
		}
		fmt.Println("done")
	}
	os.Exit(0)
}

func init() { runtime.LockOSThread() } // the main goroutine keeps the main thread

func main() {
	rounds, ids, leave := make(chan chan bool), make(chan int), make(chan bool)
	go func() {
		ids <- goid()
		for done := range rounds {
			users["user:1"], users["user:2"] = 1, 1
			evict("user:1")
			dropUser("user:2")
			close(done)
		}
	}()
	other := <-ids
	fmt.Printf(`{"pid":%d,"users":"%p","floats":"%p","node":"%p","goid":%d}`+"\n", os.Getpid(), users, floats, list[1], other)
	go serve(bufio.NewScanner(os.Stdin), rounds, leave)
	<-leave
	syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
}
