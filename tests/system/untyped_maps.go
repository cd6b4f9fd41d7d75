// Makes maps to which only an unsafe.Pointer leads, so that nothing tells their types. Writes the address, the type and the length of each
// into a file: the truth of test_maps_types.py. Each is made by code of its own type.
package main

import (
	"bufio"
	"fmt"
	"os"
	"unsafe"
)

type pair struct{ a, b *int }

// These three have the same layout, and of large arrays the same type of buckets or groups.
type left map[[41]uint16]*pair
type right map[[41]uint16]*pair
type one map[[3]uint64][5]uint64
type only map[[5]uint64]*[3]int
type pointers map[[3]*int][2]uint64
type numbers map[[3]uint64][2]uint64

// box hides a map.
type box struct{ p unsafe.Pointer }

var boxes []*box
var out *bufio.Writer

func hide(kind string, m unsafe.Pointer, n int) {
	p := *(*unsafe.Pointer)(m)
	boxes = append(boxes, &box{p})
	fmt.Fprintf(out, "%s\t0x%x\t%d\n", kind, uintptr(p), n)
}

//go:noinline
func build(n int) {
	l, r, o := left{}, right{}, one{}
	y, ps, ns := only{}, pointers{}, numbers{}
	small := map[uint8]uint8{}
	for i := 0; i < n; i++ {
		l[[41]uint16{uint16(i)}] = &pair{}
		r[[41]uint16{1: uint16(i)}] = &pair{}
		o[[3]uint64{uint64(i)}] = [5]uint64{}
		y[[5]uint64{uint64(i)}] = &[3]int{}
		ps[[3]*int{new(int)}] = [2]uint64{}
		ns[[3]uint64{uint64(i)}] = [2]uint64{}
		small[uint8(i)] = 1
	}
	hide("main.left", unsafe.Pointer(&l), len(l))
	hide("main.right", unsafe.Pointer(&r), len(r))
	hide("main.one", unsafe.Pointer(&o), len(o))
	hide("main.only", unsafe.Pointer(&y), len(y))
	hide("main.pointers", unsafe.Pointer(&ps), len(ps))
	hide("main.numbers", unsafe.Pointer(&ns), len(ns))
	hide("map[uint8]uint8", unsafe.Pointer(&small), len(small))
}

func main() {
	f, _ := os.Create(os.Args[1])
	out = bufio.NewWriter(f)
	for _, n := range []int{1, 8, 40, 3000} {
		build(n)
	}
	out.Flush()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(len(boxes))
}
