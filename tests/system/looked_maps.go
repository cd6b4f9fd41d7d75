// Deletes from maps of which the runtime may know only the shape, for test_looks.py. It writes the address, the type and the holder of each map that
// stays into a file. Other maps come and go, and take the addresses of each other: the first letter of a key tells which map it is from.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"time"
	"unsafe"
)

type id int
type code int
type session struct{ name string }
type pair struct{ a, b uint64 }
type named map[string]*pair

type store struct {
	ids      map[id]string
	codes    map[code]string
	plain    map[int]string
	sessions map[string]*session
	pairs    map[string]*pair
	named    named
	nested   map[int]map[code]int
}

// Two maps of one shape, which are made anew all the time.
type coming struct {
	a map[string]*session
	b map[string]*pair
}

var (
	theStore   *store
	theQueue   map[id]int
	theMade    interface{}
	theComing  *coming
	theClosure func(i int)
)
var out *os.File

// The compiler makes a call of the runtime that clears the map from this loop.
//
//go:noinline
func empty[K comparable, V any](m map[K]V) {
	for k := range m {
		delete(m, k)
	}
}

//go:noinline
func drop[K comparable, V any](m map[K]V, k K) { delete(m, k) }

func note(m interface{}, holder string) {
	header := (*[2]uintptr)(unsafe.Pointer(&m))[1]
	fmt.Fprintf(out, "0x%x\t%T\t%s\n", header, m, holder)
}

func build() {
	theStore = &store{ids: map[id]string{}, codes: map[code]string{}, plain: map[int]string{}, sessions: map[string]*session{},
		pairs: map[string]*pair{}, named: named{}, nested: map[int]map[code]int{7: {}}}
	theQueue = map[id]int{}
	theComing = &coming{}
	made := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(""), reflect.TypeOf(pair{})))
	theMade = made.Interface()
	captured := map[code]bool{}
	theClosure = func(i int) {
		captured[code(i)] = true
		empty(captured)
	}
	note(theStore.ids, "main.store.ids <- main.theStore")
	note(theStore.codes, "main.store.codes <- main.theStore")
	note(theStore.plain, "main.store.plain <- main.theStore")
	note(theStore.sessions, "main.store.sessions <- main.theStore")
	note(theStore.pairs, "main.store.pairs <- main.theStore")
	note(theStore.named, "main.store.named <- main.theStore")
	note(theStore.nested[7], "(map value) <- main.store.nested <- main.theStore")
	note(theQueue, "main.theQueue")
	note(theMade, "main.theMade")
	note(captured, "closure main.build.func1 <- main.theClosure")
}

// Removes elements from each map that stays. Some are empty afterwards, and some are not.
func step(i int) {
	s := theStore
	s.ids[id(i)], s.codes[code(i)], s.plain[i] = "x", "x", "x"
	empty(s.ids)
	empty(s.codes)
	drop(s.plain, i-3)
	s.sessions["keep"], s.sessions["s"] = &session{}, &session{}
	drop(s.sessions, "s")
	s.pairs["p"] = &pair{}
	empty(s.pairs)
	s.named["n"] = &pair{}
	empty(s.named)
	s.nested[7][code(i)] = 1
	drop(s.nested[7], code(i))
	theQueue[id(i)] = 1
	delete(theQueue, id(i))
	made := reflect.ValueOf(theMade)
	made.SetMapIndex(reflect.ValueOf("r"), reflect.ValueOf(pair{}))
	made.SetMapIndex(reflect.ValueOf("r"), reflect.Value{})
	theClosure(i)
}

// Makes the maps that come and go. Their addresses are free after a cycle of the collector.
func come(i int) {
	if i%3 == 0 { // two addresses are in use in turns, so that each kind gets both
		theComing.a, theComing.b = map[string]*session{"keep": {}}, nil
	} else {
		theComing.a, theComing.b = nil, map[string]*pair{"keep": {}}
	}
	runtime.GC()
}

func gone() {
	if theComing.a != nil {
		theComing.a["a"] = &session{}
		drop(theComing.a, "a")
	}
	if theComing.b != nil {
		theComing.b["b"] = &pair{}
		drop(theComing.b, "b")
	}
}

func main() {
	out, _ = os.Create(os.Args[1])
	build()
	out.Close()
	fmt.Println("ready")
	end := make(chan bool)
	go func() {
		os.Stdin.Read(make([]byte, 1))
		close(end)
	}()
	for i := 0; ; i++ {
		select {
		case <-end:
			return
		default:
		}
		if i%150 == 0 {
			come(i / 150)
		}
		step(i)
		gone()
		time.Sleep(4 * time.Millisecond)
	}
}
