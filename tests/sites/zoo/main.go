// Every kind of site that a Go program can have: what tests/sites looks at. It is not run.
package main

import (
	"fmt"
	"os"
	"reflect"
	"sync"
)

type (
	small   [4]byte
	pair    struct{ a, b int32 }
	wide    struct{ a, b uint64 }
	session struct {
		name string
		hits int
	}
	registry map[string]*session
	weights  map[float64]wide
	big      [129]byte
	edge     [128]byte
)

//go:noinline
func variants(a map[uint32]int, b map[int64]string, c map[string]bool, d map[wide]int, e map[any]int) {
	delete(a, 1)
	delete(b, 2)
	delete(c, "three")
	delete(d, wide{4, 4})
	delete(e, 5)
}

//go:noinline
func keys(a map[small]int, b map[pair]int, c map[*session]int, d map[chan int]int, e map[int8]int, f map[float64]int) {
	delete(a, small{})
	delete(b, pair{})
	delete(c, nil)
	delete(d, nil)
	delete(e, 1)
	delete(f, 1.5)
}

//go:noinline
func elements(a map[int]edge, b map[int]big, c map[string]edge, d map[string]big) {
	delete(a, 1)
	delete(b, 2)
	delete(c, "3")
	delete(d, "4")
}

//go:noinline
func named(r registry, w weights) {
	delete(r, "a")
	delete(w, 2.5)
}

//go:noinline
func ranges(a map[int]int, b map[string]int, c map[float64]int) {
	for k := range a {
		delete(a, k)
	}
	for k := range b {
		delete(b, k)
	}
	for k := range c { // a NaN would stay: no clear
		delete(c, k)
	}
}

// inlined into its callers, and these into theirs
func (r registry) drop(name string) { delete(r, name) }

func (r registry) dropAll(names []string) {
	for _, name := range names {
		r.drop(name)
	}
}

//go:noinline
func callers(r registry, names []string) {
	r.drop("one")
	r.dropAll(names)
}

//go:noinline
func deferred(m map[int]int, r registry) {
	defer delete(m, 7)
	defer func() { delete(r, "deferred") }()
	fmt.Fprintln(os.Stderr, len(m), len(r))
}

//go:noinline
func deferredInLoop(m map[uint64]int) {
	for i := uint64(0); i < 3; i++ {
		defer delete(m, i)
	}
}

// Not open-coded: in a loop, and with them the first.
//
//go:noinline
func deferredLiterals(m map[string]int, r registry) {
	defer func() { delete(r, "first") }()
	for i := 0; i < 3; i++ {
		defer func() { delete(m, "looped") }()
	}
	f := func() { delete(m, "called") }
	for range r {
		f()
		f = func() { delete(m, "called too") }
	}
}

//go:noinline
func deferredMaybe(m map[string]int, r registry) {
	if len(m) > 1 {
		defer func() { delete(m, "maybe") }()
	}
	defer func() { delete(r, "always") }()
	f := func() { delete(m, "called") }
	for range r {
		f()
		f = func() { delete(m, "called too") }
	}
}

//go:noinline
func started(m map[uint16]int) { go delete(m, 8) }

//go:noinline
func closures(m map[string]int) (func(string), func()) {
	return func(k string) { delete(m, k) }, func() {
		for k := range m {
			func() { delete(m, k+"x") }()
		}
	}
}

// Many maps at once, so that types and maps are spilled and come back.
//
//go:noinline
func spilled(a map[int]int, b map[string]int, c map[uint32]int, d map[wide]int, keys []int) int {
	n := 0
	for i, k := range keys {
		switch k % 5 {
		case 0:
			delete(a, k)
		case 1:
			delete(b, fmt.Sprint(k))
		case 2:
			delete(c, uint32(k))
		case 3:
			delete(d, wide{uint64(k), uint64(i)})
		default:
			n += len(a) + len(b) + len(c) + len(d)
		}
	}
	return n
}

// ---- generic ----

//go:noinline
func dropOne[K comparable, V any](m map[K]V, k K) { delete(m, k) }

//go:noinline
func dropTwo[K comparable, V any](m map[K]V, k K) { // its dictionary has dropOne's
	dropOne(m, k)
	delete(m, k)
}

type cache[K comparable, V any] struct {
	items map[K]V
	byLen map[int]V
}

//go:noinline
func (c *cache[K, V]) evict(k K) {
	delete(c.items, k)
	delete(c.byLen, 1)
}

//go:noinline
func dropLater[K comparable, V any](m map[K]V) func(K) {
	return func(k K) { delete(m, k) }
}

//go:noinline
func dropLast[V any, K comparable](k K, m map[K]V) { dropOne(m, k) } // the other way round

//go:noinline
func dropNested[K comparable, V any](m map[K]V) func() func(K) {
	return func() func(K) {
		return func(k K) { delete(m, k) }
	}
}

//go:noinline
func call[K comparable, V any](f func(map[K]V, K), m map[K]V, k K) { f(m, k) }

func dropInlined[M ~map[K]V, K comparable, V any](m M, k K) { delete(m, k) }

//go:noinline
func generics() {
	dropOne(map[int]string{}, 1)
	dropOne(map[int]session{}, 1)
	dropOne(map[string]*session{}, "a")
	dropTwo(map[uint32]bool{}, 1)
	dropTwo(map[wide]big{}, wide{})
	c := cache[string, int]{}
	c.evict("a")
	d := &cache[int64, *session]{}
	d.evict(1)
	var e interface{ evict(string) } = &cache[string, big]{}
	e.evict("b")
	f := (&cache[pair, string]{}).evict
	f(pair{})
	dropLater(map[int16]int{})(1)
	dropLast("x", map[string]big{})
	dropNested(map[uint8]bool{})()(1)
	call(dropOne[uint16, wide], map[uint16]wide{}, 1)
	dropInlined(registry{}, "a")
	dropInlined(map[pair]session{}, pair{})
}

// ---- reflect, sync ----

//go:noinline
func reflected(v reflect.Value, k string) {
	v.SetMapIndex(reflect.ValueOf(k), reflect.Value{})
	v.SetMapIndex(reflect.ValueOf(wide{}), reflect.Value{})
}

//go:noinline
func synced(m *sync.Map) {
	m.Delete(1)
	m.LoadAndDelete("a")
}

// A promoted method: the compiler makes wrappers of it.
type (
	inner struct{ m map[string]int }
	outer struct {
		n int
		*inner
	}
	remover interface{ remove(string) }
)

//go:noinline
func (i *inner) remove(k string) { delete(i.m, k) }

//go:noinline
func promoted(r remover) { r.remove("x") }

func main() {
	if len(os.Args) > 1000 {
		variants(nil, nil, nil, nil, nil)
		keys(nil, nil, nil, nil, nil, nil)
		elements(nil, nil, nil, nil)
		named(nil, nil)
		ranges(nil, nil, nil)
		callers(nil, os.Args)
		deferred(nil, nil)
		deferredInLoop(nil)
		deferredLiterals(nil, nil)
		deferredMaybe(nil, nil)
		started(nil)
		a, b := closures(nil)
		a("")
		b()
		fmt.Println(spilled(nil, nil, nil, nil, []int{len(os.Args)}))
		generics()
		reflected(reflect.ValueOf(registry{}), "a")
		synced(new(sync.Map))
		promoted(outer{1, &inner{}})
		later()
	}
}
