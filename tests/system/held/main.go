// Makes maps that are held in every kind of way, and writes into a file for each of them: its address, its type, and the hops that
// lead to it, from the map to the root. It keeps no list of them. It is
// the truth of test_holders.py.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"unsafe"
)

type inner struct {
	pad  int
	tags map[string]int8
}
type middle struct {
	name string
	in   inner
}
type outer struct {
	id  uint64
	mid *middle
}
type session struct {
	user string
	tags map[string]int16
	next *session
}
type elem struct {
	n int
	m map[string]uint16
}
type keyed struct{ m *holdsMap }
type holdsMap struct{ m map[string]uint32 }
type asAny struct{ any interface{} }
type store struct {
	n        int
	sessions map[string]*session
	second   inner
}

func (s *store) put(name string, m map[string]int8) int {
	s.sessions[name] = &session{}
	s.second.tags = m
	return len(s.second.tags)
}

type pooled struct{ m map[string]float32 }

// An object that has a pool. The list of all pools leads to it by a shorter way than its holders do.
type engine struct {
	routes map[string]float64
	pool   sync.Pool
}
type handler struct{ engine *engine }
type server struct{ handler *handler }
type withFinalizer struct{ m map[string]float64 }
type weakly struct{ m map[string]complex64 }
type listed struct {
	next *listed
	m    map[string]complex128
}
type shape interface{ area() int }
type square struct{ m map[string][3]int8 }

func (s *square) area() int { return len(s.m) }

var (
	gMap     map[string]bool
	gOuter   *outer
	gByName  map[string]*session
	gInline  map[int]elem
	gKeys    map[keyed]bool
	gSlice   []*holdsMap
	gValues  []elem
	gArray   [4]map[string]int64
	gChan    = make(chan *holdsMap, 4)
	gElems   = make(chan elem, 4)
	gClosure func() int
	gAny     interface{}
	gShape   shape
	gHolder  asAny
	gList    *listed
	gPool    sync.Pool
	gServer  *server
	gNested  map[string]map[int]map[uint8]bool
	gBig     map[uint64]*session
	gPtr     *map[string][2]int8
	gSync    sync.Map
	gSecond  interface{}
	gStore   store
	gStored  interface{}
	gLost    unsafe.Pointer
	gLostOne unsafe.Pointer
	gPlain   [10]int           // without pointers, bss
	gGiven   = [4]int{1, 2, 3} // without pointers, data
	gEmpty   *struct{}

	gFunc = mapIn
)
var out *bufio.Writer

func addr(p unsafe.Pointer) uintptr { return *(*uintptr)(p) }

// Writes a line: the name of the case, the address of a map, its type, the hops.
func note(what string, header uintptr, kind string, hops string) {
	fmt.Fprintf(out, "%s\t0x%x\t%s\t%s\n", what, header, kind, hops)
}

func global(name string) string { return "global main." + name }

//go:noinline
func build(n int) {
	gMap = map[string]bool{}
	gMap[fmt.Sprint(n)] = true
	note("global", addr(unsafe.Pointer(&gMap)), "map[string]bool", global("gMap"))

	gOuter = &outer{mid: &middle{in: inner{tags: map[string]int8{"x": 1}}}}
	note("fields", addr(unsafe.Pointer(&gOuter.mid.in.tags)), "map[string]int8",
		"field main.middle in.tags|field main.outer mid|"+global("gOuter"))

	gByName = map[string]*session{}
	for i := 0; i < n; i++ {
		s := &session{user: "u", tags: map[string]int16{"t": int16(i)}}
		gByName[fmt.Sprint("user", i)] = s
		note("map value", addr(unsafe.Pointer(&s.tags)), "map[string]int16",
			"field main.session tags|map value map[string]*main.session|"+global("gByName"))
	}
	two := &session{user: "two", tags: map[string]int16{"two": 2}}
	gByName["two"], gSecond = two, two
	note("held twice", addr(unsafe.Pointer(&two.tags)), "map[string]int16", "field main.session tags|interface global main.gSecond")
	note("object", uintptr(unsafe.Pointer(two)), "main.session", "interface global main.gSecond")
	gStore.sessions = map[string]*session{}
	gStore.put("x", map[string]int8{"s": 1})
	gStored = &gStore
	note("struct variable", addr(unsafe.Pointer(&gStore.second.tags)), "map[string]int8", "field main.store second.tags|"+global("gStore"))
	gInline = map[int]elem{}
	for i := 0; i < 20; i++ {
		m := map[string]uint16{"i": 1}
		gInline[i] = elem{i, m}
		note("inline value", addr(unsafe.Pointer(&m)), "map[string]uint16",
			"field main.elem m|map value map[int]main.elem|"+global("gInline"))
	}
	gKeys = map[keyed]bool{}
	k := keyed{&holdsMap{m: map[string]uint32{"k": 1}}}
	gKeys[k] = true
	note("map key", addr(unsafe.Pointer(&k.m.m)), "map[string]uint32",
		"field main.holdsMap m|field main.keyed m|map key map[main.keyed]bool|"+global("gKeys"))

	for i := 0; i < 5; i++ {
		h := &holdsMap{m: map[string]uint32{"s": 1}}
		gSlice = append(gSlice, h)
		note("slice", addr(unsafe.Pointer(&h.m)), "map[string]uint32",
			"field main.holdsMap m|element *main.holdsMap|"+global("gSlice"))
	}
	for i := 0; i < 5; i++ {
		gValues = append(gValues, elem{i, map[string]uint16{"v": 1}})
	}
	for i := range gValues {
		note("slice of structs", addr(unsafe.Pointer(&gValues[i].m)), "map[string]uint16",
			"field main.elem m|element main.elem|"+global("gValues"))
	}
	for i := range gArray {
		gArray[i] = map[string]int64{"a": 1}
		note("array", addr(unsafe.Pointer(&gArray[i])), "map[string]int64", "element map[string]int64|"+global("gArray"))
	}
	c := &holdsMap{m: map[string]uint32{"c": 1}}
	gChan <- c
	note("channel", addr(unsafe.Pointer(&c.m)), "map[string]uint32",
		"field main.holdsMap m|channel chan *main.holdsMap|"+global("gChan"))
	e := elem{1, map[string]uint16{"c": 1}}
	gElems <- e
	note("channel of structs", addr(unsafe.Pointer(&e.m)), "map[string]uint16",
		"field main.elem m|channel chan main.elem|"+global("gElems"))
	captured := map[string]uint64{"c": 1}
	gClosure = func() int { return len(captured) }
	copied := captured
	note("closure", addr(unsafe.Pointer(&copied)), "map[string]uint64",
		"capture main.build.func1|"+global("gClosure"))
	mi := map[string]uint8{"i": 1}
	gAny = mi
	note("interface", addr(unsafe.Pointer(&mi)), "map[string]uint8", "interface global main.gAny")
	sq := &square{m: map[string][3]int8{"q": {}}}
	gShape = sq
	note("named interface", addr(unsafe.Pointer(&sq.m)), "map[string][3]int8",
		"field main.square m|interface global main.gShape")
	ma := map[string]uintptr{"i": 1}
	gHolder.any = &asAny{any: ma}
	note("field of interface", addr(unsafe.Pointer(&ma)), "map[string]uintptr",
		"interface field main.asAny any|interface global main.gHolder")
	last := &listed{m: map[string]complex128{"l": 1}}
	for i := 0; i < 1000; i++ {
		last = &listed{next: last}
	}
	for at := last; at != nil; at = at.next {
		if at.m != nil {
			note("list", addr(unsafe.Pointer(&at.m)), "map[string]complex128",
				"field main.listed m|repeated field main.listed next|"+global("gList"))
		}
	}
	gList = last
	gNested = map[string]map[int]map[uint8]bool{"a": {1: {2: true}}}
	note("nested", mapIn(gNested["a"][1]), "map[uint8]bool",
		"map value map[int]map[uint8]bool|map value map[string]map[int]map[uint8]bool|"+global("gNested"))
	gBig = map[uint64]*session{}
	for i := uint64(0); i < 5000; i++ {
		gBig[i] = &session{}
	}
	gBig[4321].tags = map[string]int16{"big": 1}
	note("one of many", addr(unsafe.Pointer(&gBig[4321].tags)), "map[string]int16",
		"field main.session tags|map value map[uint64]*main.session|"+global("gBig"))
	p := map[string][2]int8{"p": {}}
	gPtr = &p
	note("pointer", addr(unsafe.Pointer(gPtr)), "map[string][2]int8", "pointer map[string][2]int8|"+global("gPtr"))
	w := &weakly{m: map[string]complex64{"w": 1}}
	note("weak", addr(unsafe.Pointer(&w.m)), "map[string]complex64", "nothing")
	hold(w)
	pl := &pooled{m: map[string]float32{"p": 1}}
	gPool.Put(pl)
	note("pool", addr(unsafe.Pointer(&pl.m)), "map[string]float32", "field main.pooled m|interface pool|"+global("gPool"))
	way := "field main.handler engine|field main.server handler|" + global("gServer")
	gServer = &server{&handler{&engine{routes: map[string]float64{"e": 1}}}}
	gServer.handler.engine.pool.Put(new(int))
	note("has a pool", addr(unsafe.Pointer(&gServer.handler.engine.routes)), "map[string]float64", "field main.engine routes|"+way)
	lost := make([]*holdsMap, 100) // more than 512 bytes: the heap notes its type
	for _, i := range []int{0, 1, 99} {
		lost[i] = &holdsMap{m: map[string]uint32{"l": 1}}
		note(fmt.Sprint("lost pointer ", i), addr(unsafe.Pointer(&lost[i].m)), "map[string]uint32",
			"field main.holdsMap m|element *main.holdsMap|"+global("gLost"))
	}
	gLost = unsafe.Pointer(&lost[0])
	ones := make([]elem, 50)
	for _, i := range []int{0, 1, 49} {
		ones[i].m = map[string]uint16{"l": 1}
		note(fmt.Sprint("lost struct ", i), addr(unsafe.Pointer(&ones[i].m)), "map[string]uint16",
			"field main.elem m|element main.elem|"+global("gLostOne"))
	}
	gLostOne = unsafe.Pointer(&ones[0])
	gEmpty = new(struct{})
	note("variable", uintptr(unsafe.Pointer(&gPlain[2])), "", global("gPlain+16"))
	note("variable", uintptr(unsafe.Pointer(&gGiven[0])), "", global("gGiven"))
	note("variable", uintptr(unsafe.Pointer(gEmpty)), "", "global runtime.zerobase")
	note("code", **(**uintptr)(unsafe.Pointer(&gFunc)), "", "nothing")
	sm := map[string]int{"s": 1}
	gSync.Store("key", sm)
	note("sync.Map", addr(unsafe.Pointer(&sm)), "map[string]int", inSyncMap()+"|"+global("gSync"))
}

// What holds a value of a sync.Map, in it.
func inSyncMap() string {
	entries := "map value map[interface {}]*sync.entry"
	switch v := runtime.Version(); {
	case strings.HasPrefix(v, "go1.19"):
		return "interface unknown|field sync.entry p|" + entries
	case v < "go1.24":
		return "interface pointer interface {}|field sync.entry p.v|" + entries
	}
	return "interface unknown"
}

//go:noinline
func buildFinalizer() {
	fin := &withFinalizer{m: map[string]float64{"f": 1}}
	note("finalizer", addr(unsafe.Pointer(&fin.m)), "map[string]float64", "finalizer")
	runtime.SetFinalizer(fin, func(f *withFinalizer) { fmt.Println(len(f.m)) })
}

func mapIn(m map[uint8]bool) uintptr { return addr(unsafe.Pointer(&m)) }

func main() {
	f, _ := os.Create(os.Args[1])
	out = bufio.NewWriter(f)
	done := make(chan bool)
	go func() { build(200); done <- true }()
	<-done // what it has left on its stack is gone
	where := make(chan uintptr)
	go worker(where)
	<-where
	runtime.GC() // it may move the stack, and ends the weak one
	note("stack", <-where, "map[int]float64", "stack main.worker")
	debug.SetGCPercent(-1)
	go func() { buildFinalizer(); done <- true }()
	<-done
	out.Flush()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(gMap, gOuter.mid.in.tags, len(gByName), len(gInline), len(gKeys), len(gSlice), len(gValues), gArray, gClosure(), gAny)
	fmt.Println(gPlain, gGiven, gEmpty, gFunc)
	fmt.Println(gShape.area(), gHolder, gList.next != nil, gPool.Get(), gServer != nil, len(gNested), len(gBig), gPtr)
}

//go:noinline
func worker(where chan uintptr) {
	m := map[int]float64{}
	for i := 0; i < 40; i++ {
		m[i] = 1
	}
	where <- addr(unsafe.Pointer(&m))
	where <- addr(unsafe.Pointer(&m))
	<-where
	fmt.Println(len(m))
}
