// Makes maps whose types only the code of the program tells: small ones, behind global variables and closures, and in no interface. Writes the
// address, the type and the length of each into a file: the truth of test_maps.py.
package main

import (
	"bufio"
	"fmt"
	"os"
	"unsafe"
)

type list struct {
	names map[string]uint16
	next  *list
}

func (l *list) add(name string) { l.names[name] = uint16(len(l.names)) }

type registry struct {
	base  list
	extra map[uint16]string
}

//go:noinline
func (r *registry) put(n uint16, s string) { r.extra[n] = s; r.base.add(s) }

//go:noinline
func (l *list) last() *list {
	for l.next != nil {
		l = l.next
	}
	return l
}

type node struct{ seen map[int16]bool }
type ring struct{ ids map[uint32]int8 }
type box struct{ m map[uint64]int16 }

var (
	literal  = map[int8]string{1: "a", 2: "b"}
	made     map[int32]uint8
	pointer  *node
	grown    []ring
	sized    []map[uint8]int32
	receiver *list
	value    registry
	counter  func() int
	bound    func() int
	shaped   func() int
	loose    func() int
)
var out *bufio.Writer

func addr(p unsafe.Pointer) uintptr { return *(*uintptr)(p) }

func note(what string, p unsafe.Pointer, n int) {
	fmt.Fprintf(out, "%s\t0x%x\t%d\n", what, addr(p), n)
}

//go:noinline
func makeAll(n int) {
	made = make(map[int32]uint8, n)
	made[1] = 1
	pointer = &node{}
	pointer.seen = map[int16]bool{1: true}
	for i := 0; i < 3; i++ {
		grown = append(grown, ring{map[uint32]int8{uint32(i): 1}})
	}
	sized = make([]map[uint8]int32, n)
	for i := range sized {
		sized[i] = map[uint8]int32{uint8(i): 1}
	}
	receiver = newList(n)
	value.extra = map[uint16]string{}
	value.base.names = map[string]uint16{}
	fmt.Sprintf("%T", registry{}) // else the program has no description of this type
}

//go:noinline
func use() {
	receiver.last().add("r")
	value.put(1, "v")
}

//go:noinline
func newList(n int) *list { return &list{names: make(map[string]uint16, n)} }

//go:noinline
func makeClosures(n int) {
	m := map[float32]uint32{1: 1}
	counter = func() int { m[float32(len(m))] = 1; return len(m) }
	note("map[float32]uint32", unsafe.Pointer(&m), 1)
	b := &box{map[uint64]int16{1: 1}}
	bound = b.size
	note("map[uint64]int16", unsafe.Pointer(&b.m), 1)
	shaped = generic[float64](1)
}

//go:noinline
func (b *box) size() int { return len(b.m) + n }

var n int

//go:noinline
func generic[K comparable](key K) func() int {
	m := map[K]int16{key: 1}
	if n > 100 {
		delete(m, key)
	}
	note("map[float64]int16", unsafe.Pointer(&m), 1)
	return func() int { m[key]++; return len(m) }
}

func main() {
	f, _ := os.Create(os.Args[1])
	out = bufio.NewWriter(f)
	n = len(os.Args)
	makeAll(n)
	use()
	makeClosures(n)
	note("map[int8]string", unsafe.Pointer(&literal), 2)
	note("map[int32]uint8", unsafe.Pointer(&made), 1)
	note("map[int16]bool", unsafe.Pointer(&pointer.seen), 1)
	for i := range grown {
		note("map[uint32]int8", unsafe.Pointer(&grown[i].ids), 1)
	}
	for i := range sized {
		note("map[uint8]int32", unsafe.Pointer(&sized[i]), 1)
	}
	note("map[string]uint16", unsafe.Pointer(&receiver.names), 1)
	note("map[uint16]string", unsafe.Pointer(&value.extra), 1)
	note("map[string]uint16", unsafe.Pointer(&value.base.names), 1)
	out.Flush()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(literal[int8(n)], made[int32(n)], counter(), bound(), shaped(), loose == nil)
}
