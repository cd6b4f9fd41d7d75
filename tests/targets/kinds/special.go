package main

import (
	"math"
	"strings"
	"unsafe"

	"targets/truth"
)

// Keys and maps that are the exception to some rule.

func specialKeys() {
	stringLengths()
	negativeZero()
	notANumber()
	infinities()
	nilMap()
	nilInterfaceMap()
	neverFilled()
	emptiedMap()
	unhashable()
	unhashableEmpty()
	stackMap()
	stackMapMoves()
	namedMap()
	zeroSizeElem()
}

//go:noinline
func deleteStringOfLength(s *truth.Site, m map[string]int, k string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func stringLengths() {
	keys := []string{
		"", "x", strings.Repeat("a", 63), strings.Repeat("b", 64), strings.Repeat("c", 65), strings.Repeat("d", 300),
		strings.Repeat("e", 63) + "é", strings.Repeat("f", 62) + "é", strings.Repeat("g", 61) + "日本", "tab\tquote\"back\\slash\nnul\x00del\x7f",
		"<&>\u2028", "\xff\xfe", "ok\xc3", strings.Repeat("h", 70) + "\xff", "😀",
	}
	m := map[string]int{}
	for i, k := range keys {
		m[k] = i
	}
	s := truth.New("StringLengths", "string", m)
	for _, k := range keys {
		deleteStringOfLength(s, m, k)
		deleteStringOfLength(s, m, k+"?")
	}
}

//go:noinline
func deleteZero(s *truth.Site, m map[float64]int, k float64) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

// -0 and +0 are the same key.
func negativeZero() {
	m := map[float64]int{0: 1, 1: 1}
	s := truth.New("NegativeZero", "float64", m)
	deleteZero(s, m, math.Copysign(0, -1))
	deleteZero(s, m, 0)
	m[math.Copysign(0, -1)] = 2
	deleteZero(s, m, 0)
}

//go:noinline
func deleteNaN(s *truth.Site, m map[float64]int, k float64) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteNaNInRange(s *truth.Site, m map[float64]int) {
	for k := range m {
		s.Before(len(m), k)
		delete(m, k)
		s.After(len(m))
	}
}

// A NaN never equals a key, not even itself.
func notANumber() {
	m := map[float64]int{1: 1, 2: 2, 3: 3}
	for i := 0; i < 4; i++ {
		m[math.NaN()] = i
	}
	s := truth.New("NaN", "float64", m)
	deleteNaN(s, m, math.NaN())
	deleteNaN(s, m, 2)
	deleteNaN(s, m, math.NaN())
	deleteNaNInRange(truth.New("NaNInRange", "float64", m), m)
}

//go:noinline
func deleteInfinity(s *truth.Site, m map[float32]int, k float32) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func infinities() {
	m := map[float32]int{float32(math.Inf(1)): 1, float32(math.Inf(-1)): 2, 3: 3}
	s := truth.New("Infinity", "float32", m)
	deleteInfinity(s, m, float32(math.Inf(1)))
	deleteInfinity(s, m, float32(math.Inf(-1)))
	deleteInfinity(s, m, float32(math.Inf(-1)))
}

//go:noinline
func deleteFromNil(s *truth.Site, m map[int]int, k int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func nilMap() {
	var m map[int]int
	s := truth.New("NilMap", "int", m)
	for i := 0; i < 5; i++ {
		deleteFromNil(s, m, i)
	}
}

//go:noinline
func deleteFromNilInterface(s *truth.Site, m map[interface{}]int, k interface{}) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func nilInterfaceMap() {
	var m map[interface{}]int
	s := truth.New("NilInterfaceMap", "interface", m)
	for i := 0; i < 5; i++ {
		deleteFromNilInterface(s, m, i)
	}
}

//go:noinline
func deleteFromNeverFilled(s *truth.Site, m map[string]int, k string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func neverFilled() {
	m := map[string]int{}
	s := truth.New("NeverFilled", "string", m)
	deleteFromNeverFilled(s, m, "a")
	deleteFromNeverFilled(s, m, "b")
}

//go:noinline
func deleteFromEmptied(s *truth.Site, m map[int32]int, k int32) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func emptiedMap() {
	m := map[int32]int{}
	for i := int32(0); i < 30; i++ {
		m[i] = 1
	}
	s := truth.New("Emptied", "int32", m)
	for round := 0; round < 2; round++ {
		for i := int32(0); i < 30; i++ {
			deleteFromEmptied(s, m, i)
		}
	}
}

//go:noinline
func deleteUnhashable(s *truth.Site, m map[interface{}]int, k interface{}) {
	defer func() {
		if recover() != nil {
			s.AfterPanic(len(m))
		}
	}()
	s.BeforeNoKey(len(m))
	delete(m, k)
	s.After(len(m))
}

func unhashable() {
	m := map[interface{}]int{1: 1, "2": 2}
	s := truth.New("Unhashable", "interface", m)
	deleteUnhashable(s, m, 1)
	deleteUnhashable(s, m, []int{1})
	deleteUnhashable(s, m, func() {})
	deleteUnhashable(s, m, [1]interface{}{map[int]int{}})
}

//go:noinline
func deleteUnhashableEmpty(s *truth.Site, m map[interface{}]int, k interface{}) {
	defer func() {
		if recover() != nil {
			s.AfterPanic(len(m))
		}
	}()
	s.BeforeNoKey(len(m))
	delete(m, k)
	s.After(len(m))
}

// An empty map does not need the hash, but the panic must come all the same.
func unhashableEmpty() {
	m := map[interface{}]int{}
	s := truth.New("UnhashableEmpty", "interface", m)
	deleteUnhashableEmpty(s, m, []int{1})
	deleteUnhashableEmpty(s, nil, []int{1})
	deleteUnhashableEmpty(s, m, 1)
}

//go:noinline
func deleteOnStack(s *truth.Site, m map[int]int, k int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

// address of the map's header. Inlined, the compiler would see that the variable does not change.
//
//go:noinline
func address(m *map[int]int) uintptr { return *(*uintptr)(unsafe.Pointer(m)) }

//go:noinline
func growStack(n int) int {
	var pad [1024]byte
	if n > 0 {
		pad[n%len(pad)] = byte(growStack(n - 1))
	}
	return int(pad[n%len(pad)])
}

// The map does not escape: it lives in this function's frame.
//
//go:noinline
func stackMap() {
	s := truth.New("StackMap", "int", map[int]int(nil))
	m := map[int]int{1: 1, 2: 2, 3: 3, 4: 4}
	deleteOnStack(s, m, 1)
	deleteOnStack(s, m, 9)
	deleteOnStack(s, m, 2)
}

//go:noinline
func deleteOnMovingStack(s *truth.Site, m map[int]int, k int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

// The stack is copied between two deletes, and the map with it. A goroutine of its own begins with a small stack.
func stackMapMoves() {
	s := truth.New("StackMapMoves", "int", map[int]int(nil))
	done := make(chan bool)
	go func() {
		moveWithStack(s)
		close(done)
	}()
	<-done
}

//go:noinline
func moveWithStack(s *truth.Site) {
	m := map[int]int{1: 1, 2: 2, 3: 3, 4: 4}
	before := address(&m)
	deleteOnMovingStack(s, m, 1)
	deleteOnMovingStack(s, m, 7)
	growStack(1000)
	deleteOnMovingStack(s, m, 2)
	deleteOnMovingStack(s, m, 3)
	moved := address(&m) != before
	s.OnStack = &moved
}

type registry map[string]*item

//go:noinline
func deleteNamedMap(s *truth.Site, m registry, k string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func namedMap() {
	m := registry{"a": nil, "b": nil, "c": nil}
	s := truth.New("NamedMap", "string", m)
	deleteNamedMap(s, m, "b")
	deleteNamedMap(s, m, "z")
	deleteNamedMap(s, m, "a")
}

//go:noinline
func deleteZeroSizeElem(s *truth.Site, m map[string]struct{}, k string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func zeroSizeElem() {
	m := map[string]struct{}{"a": {}, "b": {}}
	s := truth.New("ZeroSizeElem", "string", m)
	deleteZeroSizeElem(s, m, "b")
	deleteZeroSizeElem(s, m, "b")
}
