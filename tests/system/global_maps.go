// Makes maps behind global variables of which the code does not tell the type: functions fill them through pointers, or the linker has laid them
// out. Few of the types have a description in the program. Writes the address, the type and the length of each map into a file: the truth of
// test_maps_globals.py.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"
)

type leaf struct {
	id   int
	byID map[int8]uint16
}

type tree struct {
	leaf
	left, right *tree
	names       map[string]int32
}

type slots [3]map[uint8]int64

var (
	direct  map[int16]uint32
	value   tree
	pointer = &tree{names: map[string]int32{}, left: &tree{right: &tree{}}}
	several [2]leaf
	sliced  = []leaf{{id: 1}, {id: 2}}
	named   slots
	twice   **leaf = &once
	once           = &leaf{id: 3}
	current atomic.Pointer[leaf]
	mapped  map[bool]*leaf
	queue   chan *leaf
	plain   int
	words   = []string{"a", "b"}
)

var out *bufio.Writer

func note(what string, p unsafe.Pointer, n int) {
	fmt.Fprintf(out, "%s\t0x%x\t%d\n", what, *(*uintptr)(p), n)
}

//go:noinline
func fillIDs(m *map[int8]uint16, n int) {
	*m = map[int8]uint16{}
	for i := 0; i < n; i++ {
		(*m)[int8(i)] = 1
	}
	note("map[int8]uint16", unsafe.Pointer(m), n)
}

//go:noinline
func fillNames(m *map[string]int32, n int) {
	if *m == nil {
		*m = map[string]int32{}
	}
	for i := 0; i < n; i++ {
		(*m)[fmt.Sprint(i)] = 1
	}
	note("map[string]int32", unsafe.Pointer(m), n)
}

//go:noinline
func fillDirect(m *map[int16]uint32, n int) {
	*m = map[int16]uint32{}
	for i := 0; i < n; i++ {
		(*m)[int16(i)] = 1
	}
	note("map[int16]uint32", unsafe.Pointer(m), n)
}

//go:noinline
func fillSlots(s *slots) {
	for i := range s {
		s[i] = map[uint8]int64{1: 1, 2: 2}
		note("map[uint8]int64", unsafe.Pointer(&s[i]), 2)
	}
}

//go:noinline
func fillTree(t *tree, n int) {
	fillIDs(&t.byID, n)
	fillNames(&t.names, n+1)
	for _, next := range []*tree{t.left, t.right} {
		if next != nil {
			fillTree(next, n+2)
		}
	}
}

//go:noinline
func fillMapped(m *map[bool]*leaf) {
	*m = map[bool]*leaf{true: {id: 4}}
	note("map[bool]*main.leaf", unsafe.Pointer(m), 1)
	fillIDs(&(*m)[true].byID, 6)
}

//go:noinline
func fillQueue(q *chan *leaf) {
	*q = make(chan *leaf, 2)
	l := &leaf{id: 5}
	fillIDs(&l.byID, 7)
	*q <- l
}

//go:noinline
func fillCurrent(at *atomic.Pointer[leaf]) {
	l := &leaf{id: 6}
	fillIDs(&l.byID, 3)
	at.Store(l)
}

//go:noinline
func makeAll() {
	fillDirect(&direct, 4)
	fillTree(&value, 1)
	fillTree(pointer, 2)
	for i := range several {
		fillIDs(&several[i].byID, i+1)
	}
	for i := range sliced {
		fillIDs(&sliced[i].byID, i+2)
	}
	fillSlots(&named)
	fillIDs(&(*twice).byID, 5)
	fillCurrent(&current)
	fillMapped(&mapped)
	fillQueue(&queue)
}

func main() {
	f, _ := os.Create(os.Args[1])
	out = bufio.NewWriter(f)
	makeAll()
	out.Flush()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(plain, words)
}
