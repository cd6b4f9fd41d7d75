// Makes maps in sync.Pools and sync.Maps. Writes the mark, the address and the length of each into a file ("none" for those that are the program's
// own): the truth of test_maps_types.py.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/pprof"
	"sync"
	"unsafe"
)

type object struct{ names map[string]int }

var (
	pool, victims sync.Pool
	boxed         *sync.Pool
	kept          map[int]int
	taken         interface{}
	shared        *object
	values        sync.Map
	profiles      int
	out           *bufio.Writer
)

func note(mark string, m interface{}) {
	v := reflect.ValueOf(m)
	fmt.Fprintf(out, "%s\t0x%x\t%d\n", mark, v.Pointer(), v.Len())
}

func ints(n int) map[int]int {
	m := map[int]int{}
	for i := 0; i < n; i++ {
		m[i] = i
	}
	return m
}

//go:noinline
func fill() {
	for i := 1; i < 20; i++ { // the first is the pool's private one, the others are in chains
		m := ints(i)
		note("sync.Pool", m)
		pool.Put(m)
	}
	o := &object{map[string]int{"in": 1, "an": 2, "object": 3}}
	note("sync.Pool", o.names)
	pool.Put(o)
	shared = &object{map[string]int{"x": 1}}
	note("none", shared.names)
	pool.Put(shared)
	kept = ints(3)
	note("none", kept)
	pool.Put(kept)
	boxed = &sync.Pool{New: func() interface{} { return ints(1) }}
	m := ints(30)
	note("sync.Pool", m)
	boxed.Put(m)
	other := sync.Pool{}
	other.Put(ints(5))
	taken = other.Get()
	if taken == nil { // with the race detector a pool drops some
		taken = ints(5)
	}
	note("none", taken)
}

// share makes a map that the stack of the caller has, too: no global variable but the pool leads to it.
//
//go:noinline
func share() map[int]int {
	m := ints(50)
	note("sync.Pool", m)
	pool.Put(m)
	return m
}

// mapAt notes the map whose header's address is at p.
func mapAt(mark string, p unsafe.Pointer, n int) {
	fmt.Fprintf(out, "%s\t0x%x\t%d\n", mark, *(*uintptr)(p), n)
}

// fillSyncMap makes a sync.Map with both of the maps that it had up to Go 1.23.
//
//go:noinline
func fillSyncMap() {
	for i := 0; i < 10; i++ {
		values.Store(i, i)
	}
	values.Range(func(k, v interface{}) bool { return true }) // all elements go into the map that is only read
	inner := ints(6)
	values.Store("new", inner)
	note("none", inner)
	dirty := reflect.ValueOf(&values).Elem().FieldByName("dirty")
	if !dirty.IsValid() {
		return // since Go 1.24 it is a tree
	}
	fmt.Fprintf(out, "sync.Map\t0x%x\t%d\n", dirty.Pointer(), dirty.Len())
	read := reflect.ValueOf(&values).Elem().FieldByName("read")
	if v := read.FieldByName("v"); v.Kind() == reflect.UnsafePointer {
		mapAt("sync.Map", unsafe.Pointer(v.Pointer()), 10)
	} else { // Go 1.19: an atomic.Value
		m := v.Elem().FieldByName("m")
		fmt.Fprintf(out, "sync.Map\t0x%x\t%d\n", m.Pointer(), m.Len())
	}
}

func main() {
	f, _ := os.Create(os.Args[1])
	out = bufio.NewWriter(f)
	runtime.LockOSThread()
	for i := 0; i < 3; i++ {
		m := ints(40 + i)
		note("sync.Pool", m)
		victims.Put(m)
	}
	runtime.GC() // they go once more before they are dropped
	fill()
	both := share()
	fillSyncMap()
	profiles = len(pprof.Profiles()) // makes a map of the runtime's
	out.Flush()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(len(both), len(kept), profiles, taken != nil, shared != nil, boxed != nil)
}
