// Makes maps that hang in every kind of place, and writes the address, the type and the length of each into a file: the truth of
// test_maps.py. It keeps no list of them. A thousand maps of one type are made before, and dropped.
package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"sync"
	"unsafe"
)

type session struct {
	name string
	tags map[string]int
	any  interface{}
	next *session
}
type pair struct{ a, b uint64 }
type garbage struct{ x int }
type named map[string]*session

var (
	gInt    = map[int]int{}
	gStr    = map[string]string{}
	gNamed  named
	gIface  interface{}
	gHold   *session
	gSlice  []map[int]string
	gArr    [3]map[string]pair
	gChan   = make(chan map[int]int64, 4)
	gFunc   func() int
	gUnsafe unsafe.Pointer
	gValues interface{}
	gNest   map[string]map[int]map[string]bool
	pool    sync.Pool
)
var out *bufio.Writer

func addr(p unsafe.Pointer) uintptr { return *(*uintptr)(p) }
func note(what string, header uintptr, n int) {
	fmt.Fprintf(out, "%s\t0x%x\t%d\n", what, header, n)
}

func build(n int) {
	gInt = map[int]int{}
	for i := 0; i < n; i++ {
		gInt[i] = i
	}
	note("map[int]int", addr(unsafe.Pointer(&gInt)), len(gInt))
	gStr = map[string]string{}
	for i := 0; i < 3; i++ {
		gStr[fmt.Sprint(i)] = "x"
	}
	note("map[string]string", addr(unsafe.Pointer(&gStr)), 3)
	gNamed = named{}
	for i := 0; i < n; i++ {
		s := &session{name: "s", tags: map[string]int{}}
		for j := 0; j <= i%12; j++ {
			s.tags[fmt.Sprint(j)] = j
		}
		note("map[string]int", addr(unsafe.Pointer(&s.tags)), len(s.tags))
		if i%3 == 0 {
			m := map[int]pair{}
			m[i] = pair{}
			s.any = m
			note("map[int]main.pair", addr(unsafe.Pointer(&m)), 1)
		}
		gNamed[fmt.Sprint("k", i)] = s
	}
	note("main.named", addr(unsafe.Pointer(&gNamed)), len(gNamed))
	mi := map[interface{}]int{1: 1, "a": 2}
	gIface = mi
	note("map[interface {}]int", addr(unsafe.Pointer(&mi)), 2)
	for i := 1; i < 5; i++ {
		m := map[int]string{}
		for j := 0; j < i*100; j++ {
			m[j] = "v"
		}
		for j := 0; j < i*90; j++ {
			delete(m, j)
		}
		note("map[int]string", addr(unsafe.Pointer(&m)), len(m))
		gSlice = append(gSlice, m)
	}
	for i := range gArr {
		gArr[i] = map[string]pair{"x": {}}
		note("map[string]main.pair", addr(unsafe.Pointer(&gArr[i])), 1)
	}
	mc := map[int]int64{5: 5}
	gChan <- mc
	note("map[int]int64", addr(unsafe.Pointer(&mc)), 1)
	cl := map[[2]int]int{{1, 2}: 3}
	gFunc = func() int { return len(cl) }
	note("map[[2]int]int", addr(unsafe.Pointer(&cl)), 1)
	un := map[uint8]uint8{1: 2}
	gUnsafe = *(*unsafe.Pointer)(unsafe.Pointer(&un))
	note("map[uint8]uint8", addr(unsafe.Pointer(&un)), 1)
	gNest = map[string]map[int]map[string]bool{}
	for i := 0; i < 20; i++ {
		a := map[int]map[string]bool{}
		for j := 0; j < 5; j++ {
			b := map[string]bool{"q": true}
			a[j] = b
			note("map[string]bool", addr(unsafe.Pointer(&b)), 1)
		}
		note("map[int]map[string]bool", addr(unsafe.Pointer(&a)), 5)
		gNest[fmt.Sprint(i)] = a
	}
	note("map[string]map[int]map[string]bool", addr(unsafe.Pointer(&gNest)), 20)
	va := url.Values{"a": {"b"}, "c": {"d"}}
	gValues = va
	note("url.Values", addr(unsafe.Pointer(&va)), 2)
	big := map[int][200]byte{}
	for i := 0; i < 50; i++ {
		big[i] = [200]byte{}
	}
	gHold = &session{any: big}
	note("map[int][200]uint8", addr(unsafe.Pointer(&big)), 50)
	fin := &session{tags: map[string]int{"f": 1}}
	runtime.SetFinalizer(fin, func(s *session) {})
	gHold.next = fin
	note("map[string]int", addr(unsafe.Pointer(&fin.tags)), 1)
}

//go:noinline
func drop() {
	for i := 0; i < 1000; i++ {
		m := map[string]*garbage{}
		for j := 0; j < 20; j++ {
			m[fmt.Sprint(j)] = &garbage{j}
		}
		gIface = m
	}
	gIface = nil
}

func main() {
	f, _ := os.Create(os.Args[1])
	out = bufio.NewWriter(f)
	drop()
	build(1000)
	where := make(chan uintptr)
	go func() {
		m := map[int]float64{}
		for i := 0; i < 40; i++ {
			m[i] = 1
		}
		where <- addr(unsafe.Pointer(&m))
		where <- addr(unsafe.Pointer(&m))
		<-where
		fmt.Println(len(m))
	}()
	<-where
	runtime.GC() // it may move the stack
	note("map[int]float64", <-where, 40)
	out.Flush()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(len(gInt), len(gNamed), gFunc(), gUnsafe != nil, len(gNest), gHold.next != nil)
	runtime.KeepAlive(gSlice)
	runtime.KeepAlive(gValues)
}
