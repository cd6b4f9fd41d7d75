package main

import (
	"fmt"
	"time"
	"unsafe"

	"targets/truth"
)

// One function for each kind of key, so that each has its own delete, compiled for its type.

type (
	item      struct{ id, payload int }
	userID    int64
	userName  string
	pair32    struct{ X, Y int32 }
	oneField  struct{ ID uint64 }
	oneString struct{ Name string }
	padded    struct {
		Small int8
		Big   int64
	}
	blank struct {
		A int32
		_ int32
		B int32
	}
	record struct {
		Name  string
		Count int
		Even  bool
		Half  float32
	}
	nested struct {
		Pair  pair32
		Names [2]string
		Any   interface{}
	}
	wide16 struct{ Hi, Lo uint64 }
	label  string
)

func (l label) String() string { return string(l) }
func (i *item) String() string { return fmt.Sprint("item ", i.id) }

var (
	items [256]item
	chans [256]chan int
)

func itemAt(i int) *item { return &items[i] }

func chanAt(i int) chan int {
	if chans[i] == nil {
		chans[i] = make(chan int)
	}
	return chans[i]
}

func anyAt(i int) interface{} {
	switch i % 8 {
	case 0:
		return i
	case 1:
		return fmt.Sprint("any", i)
	case 2:
		return int8(i)
	case 3:
		return float64(i) + 0.5
	case 4:
		return pair32{int32(i), 2}
	case 5:
		return userID(i)
	case 6:
		return itemAt(i)
	}
	return [2]int{i, i}
}

func stringerAt(i int) fmt.Stringer {
	if i%2 == 0 {
		return label(fmt.Sprint("label", i))
	}
	return itemAt(i)
}

//go:noinline
func deleteInt8(s *truth.Site, m map[int8]int, k int8) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteUint8(s *truth.Site, m map[uint8]string, k uint8) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteInt16(s *truth.Site, m map[int16]int, k int16) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteUint16(s *truth.Site, m map[uint16]*int, k uint16) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteInt32(s *truth.Site, m map[int32]int, k int32) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteUint32(s *truth.Site, m map[uint32]struct{}, k uint32) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteRune(s *truth.Site, m map[rune]bool, k rune) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteInt64(s *truth.Site, m map[int64]int, k int64) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteUint64(s *truth.Site, m map[uint64][]int, k uint64) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteInt(s *truth.Site, m map[int]map[string]int, k int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteUint(s *truth.Site, m map[uint]func(), k uint) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteUintptr(s *truth.Site, m map[uintptr]int, k uintptr) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteFloat32(s *truth.Site, m map[float32]int, k float32) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteFloat64(s *truth.Site, m map[float64]int, k float64) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteComplex64(s *truth.Site, m map[complex64]int, k complex64) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteComplex128(s *truth.Site, m map[complex128]string, k complex128) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteString(s *truth.Site, m map[string]*item, k string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deletePointer(s *truth.Site, m map[*item]int, k *item) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteChan(s *truth.Site, m map[chan int]int, k chan int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteUnsafePointer(s *truth.Site, m map[unsafe.Pointer]int, k unsafe.Pointer) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteAny(s *truth.Site, m map[interface{}]int, k interface{}) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteStringer(s *truth.Site, m map[fmt.Stringer]int, k fmt.Stringer) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deletePair32(s *truth.Site, m map[pair32]int, k pair32) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteOneField(s *truth.Site, m map[oneField]int, k oneField) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteOneString(s *truth.Site, m map[oneString]int, k oneString) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deletePadded(s *truth.Site, m map[padded]int, k padded) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteBlank(s *truth.Site, m map[blank]int, k blank) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteRecord(s *truth.Site, m map[record]int, k record) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteNested(s *truth.Site, m map[nested]int, k nested) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteWide16(s *truth.Site, m map[wide16]int, k wide16) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteEmpty(s *truth.Site, m map[struct{}]int, k struct{}) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteArray4(s *truth.Site, m map[[4]uint8]int, k [4]uint8) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteArray8(s *truth.Site, m map[[8]byte]int, k [8]byte) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteArray16(s *truth.Site, m map[[16]byte]int, k [16]byte) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteArrayInt(s *truth.Site, m map[[4]int]int, k [4]int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteArrayString(s *truth.Site, m map[[3]string]int, k [3]string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteBigKey(s *truth.Site, m map[[20]uint64]int, k [20]uint64) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteBigElem(s *truth.Site, m map[int][200]byte, k int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteBigElemString(s *truth.Site, m map[string][200]byte, k string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteBigBoth(s *truth.Site, m map[[33]int32][40]*int, k [33]int32) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteNamedInt(s *truth.Site, m map[userID]int, k userID) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteNamedString(s *truth.Site, m map[userName]int, k userName) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteDuration(s *truth.Site, m map[time.Duration]int, k time.Duration) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteBool(s *truth.Site, m map[bool]int, k bool) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

func nestedAt(i int) nested {
	return nested{pair32{int32(i), 1}, [2]string{"x", fmt.Sprint(i)}, anyAt(i)}
}

// turns calls del for about two thirds of the numbers below n, and for as many from n on, in turns.
func turns(n int, del func(i int)) {
	for i := 0; i < n; i++ {
		j := i * 7 % n
		if j%3 == 2 {
			continue
		}
		for _, k := range []int{j, n + j} {
			del(k)
		}
	}
}

// drive fills a map with n elements, and deletes some of them and as many absent keys.
func drive[K comparable, V any](name, kind string, n int, key func(i int) K, del func(*truth.Site, map[K]V, K)) {
	m := map[K]V{}
	s := truth.New(name, kind, m)
	var v V
	for i := 0; i < n; i++ {
		m[key(i)] = v
	}
	turns(n, func(i int) { del(s, m, key(i)) })
}

func basicKinds() {
	drive("Int8", "int8", 60, func(i int) int8 { return int8(i - 60) }, deleteInt8)
	drive("Uint8", "uint8", 60, func(i int) uint8 { return uint8(i) }, deleteUint8)
	drive("Int16", "int16", 60, func(i int) int16 { return int16(i*37 - 2000) }, deleteInt16)
	drive("Uint16", "uint16", 60, func(i int) uint16 { return uint16(i * 400) }, deleteUint16)
	drive("Int32", "int32", 60, func(i int) int32 { return int32(i*1000003 - 70000000) }, deleteInt32)
	drive("Uint32", "uint32", 60, func(i int) uint32 { return ^uint32(0) - uint32(i)*3 }, deleteUint32)
	drive("Rune", "int32", 60, func(i int) rune { return rune(0x4e00 + i) }, deleteRune)
	drive("Int64", "int64", 60, func(i int) int64 { return int64(i-10) << 50 }, deleteInt64)
	drive("Uint64", "uint64", 60, func(i int) uint64 { return ^uint64(0) - uint64(i) }, deleteUint64)
	drive("Int", "int", 60, func(i int) int { return i - 20 }, deleteInt)
	drive("Uint", "uint", 60, func(i int) uint { return uint(i) * 7 }, deleteUint)
	drive("Uintptr", "uintptr", 60, func(i int) uintptr { return uintptr(i) << 12 }, deleteUintptr)
	drive("Float32", "float32", 60, func(i int) float32 { return float32(i)*0.5 - 8 }, deleteFloat32)
	drive("Float64", "float64", 60, func(i int) float64 { return float64(i)*0.125 - 3 }, deleteFloat64)
	drive("Complex64", "complex64", 60, func(i int) complex64 { return complex(float32(i)*0.5, -float32(i)) }, deleteComplex64)
	drive("Complex128", "complex128", 60, func(i int) complex128 { return complex(float64(i), float64(i)*0.25-1) }, deleteComplex128)
	drive("String", "string", 60, func(i int) string { return fmt.Sprintf("user:%d", i) }, deleteString)
	drive("Pointer", "pointer", 60, func(i int) *item { return itemAt(i) }, deletePointer)
	drive("Chan", "chan", 60, func(i int) chan int { return chanAt(i) }, deleteChan)
	drive("UnsafePointer", "unsafe.Pointer", 60, func(i int) unsafe.Pointer { return unsafe.Pointer(itemAt(i)) }, deleteUnsafePointer)
	drive("Pair32", "struct", 60, func(i int) pair32 { return pair32{int32(i), -int32(i)} }, deletePair32)
	drive("OneField", "struct", 60, func(i int) oneField { return oneField{uint64(i) * 3} }, deleteOneField)
	drive("OneString", "struct", 60, func(i int) oneString { return oneString{fmt.Sprint("one", i)} }, deleteOneString)
	drive("Padded", "struct", 60, func(i int) padded { return padded{int8(i - 50), int64(i) * 9} }, deletePadded)
	drive("Blank", "struct", 60, func(i int) blank { return blank{A: int32(i), B: int32(i * 2)} }, deleteBlank)
	drive("Record", "struct", 60, func(i int) record { return record{fmt.Sprint("r", i), i, i%2 == 0, float32(i) * 0.5} }, deleteRecord)
	drive("Wide16", "struct", 60, func(i int) wide16 { return wide16{uint64(i), ^uint64(i)} }, deleteWide16)
	drive("Empty", "struct", 1, func(i int) struct{} { return struct{}{} }, deleteEmpty)
	drive("Array4", "array", 60, func(i int) [4]uint8 { return [4]uint8{1, 2, 3, uint8(i)} }, deleteArray4)
	drive("Array8", "array", 60, func(i int) [8]byte { return [8]byte{0: byte(i), 7: 9} }, deleteArray8)
	drive("Array16", "array", 60, func(i int) [16]byte { return [16]byte{0: byte(i), 15: 7} }, deleteArray16)
	drive("ArrayInt", "array", 60, func(i int) [4]int { return [4]int{i, i * 2, i * 3, -i} }, deleteArrayInt)
	drive("ArrayString", "array", 60, func(i int) [3]string { return [3]string{"a", fmt.Sprint(i), ""} }, deleteArrayString)
	drive("BigKey", "array", 60, func(i int) [20]uint64 { return [20]uint64{0: uint64(i), 19: uint64(i) + 1} }, deleteBigKey)
	drive("BigElem", "int", 60, func(i int) int { return i*11 + 3 }, deleteBigElem)
	drive("BigElemString", "string", 60, func(i int) string { return fmt.Sprint("big", i) }, deleteBigElemString)
	drive("BigBoth", "array", 60, func(i int) [33]int32 { return [33]int32{0: int32(i), 32: 5} }, deleteBigBoth)
	drive("NamedInt", "named int64", 60, func(i int) userID { return userID(i) * 1001 }, deleteNamedInt)
	drive("NamedString", "named string", 60, func(i int) userName { return userName(fmt.Sprint("name-", i)) }, deleteNamedString)
	drive("Duration", "named int64", 60, func(i int) time.Duration { return time.Duration(i) * time.Millisecond }, deleteDuration)
	drive("Bool", "bool", 1, func(i int) bool { return i == 0 }, deleteBool)
	anys := map[interface{}]int{}
	stringers := map[fmt.Stringer]int{}
	nesteds := map[nested]int{}
	for i := 0; i < 60; i++ {
		anys[anyAt(i)], stringers[stringerAt(i)], nesteds[nestedAt(i)] = i, i, i
	}
	s := truth.New("Any", "interface", anys)
	turns(60, func(i int) { deleteAny(s, anys, anyAt(i)) })
	s = truth.New("Stringer", "interface", stringers)
	turns(60, func(i int) { deleteStringer(s, stringers, stringerAt(i)) })
	s = truth.New("Nested", "struct", nesteds)
	turns(60, func(i int) { deleteNested(s, nesteds, nestedAt(i)) })
}
