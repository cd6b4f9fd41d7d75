package main

import (
	"fmt"
	"reflect"
	"time"

	"targets/truth"
)

// Ways out of a map other than a plain call of delete in a function.

func waysOut() {
	rangeDelete()
	idiomInt()
	idiomString()
	idiomStruct()
	idiomPointer()
	idiomEmpty()
	idiomFloat()
	idiomInterface()
	idiomBigKey()
	inlinedHelper()
	inlinedTwice()
	inlinedMethod()
	inlinedDeep()
	methods()
	closures()
	deferredClosure()
	deferredBuiltin()
	deferredInLoop()
	whilePanicking()
	goBuiltin()
	generics()
	reflected()
}

// --- ranges ---

//go:noinline
func deleteInRange(s *truth.Site, m map[int]int) {
	for k := range m {
		if k%3 == 0 {
			s.Before(len(m), k)
			delete(m, k)
			s.After(len(m))
		}
	}
}

func rangeDelete() {
	m := map[int]int{}
	for i := 0; i < 90; i++ {
		m[i] = i
	}
	deleteInRange(truth.New("RangeDelete", "int", m), m)
}

//go:noinline
func clearByRangeInt(s *truth.Site, m map[int]int) {
	s.BeforeClear(len(m))
	for k := range m {
		delete(m, k)
	}
	s.After(len(m))
}

func idiomInt() {
	m := map[int]int{}
	s := truth.New("IdiomInt", "int", m).Idiom()
	for _, n := range []int{1, 8, 9, 5000} {
		for i := 0; i < n; i++ {
			m[i] = i
		}
		clearByRangeInt(s, m)
	}
}

//go:noinline
func clearByRangeString(s *truth.Site, m map[string]*item) {
	s.BeforeClear(len(m))
	for k := range m {
		delete(m, k)
	}
	s.After(len(m))
}

func idiomString() {
	m := map[string]*item{}
	for i := 0; i < 20; i++ {
		m[fmt.Sprint(i)] = nil
	}
	clearByRangeString(truth.New("IdiomString", "string", m).Idiom(), m)
}

func idiomStruct() {
	m := map[pair32]int{}
	for i := int32(0); i < 20; i++ {
		m[pair32{i, i}] = 1
	}
	clearByRangePair(truth.New("IdiomStruct", "struct", m).Idiom(), m)
}

//go:noinline
func clearByRangePair(s *truth.Site, m map[pair32]int) {
	s.BeforeClear(len(m))
	for k := range m {
		delete(m, k)
	}
	s.After(len(m))
}

//go:noinline
func clearByRangePointer(s *truth.Site, m map[*item]int) {
	s.BeforeClear(len(m))
	for k := range m {
		delete(m, k)
	}
	s.After(len(m))
}

func idiomPointer() {
	m := map[*item]int{itemAt(1): 1, itemAt(2): 2}
	clearByRangePointer(truth.New("IdiomPointer", "pointer", m).Idiom(), m)
}

//go:noinline
func clearByRangeEmpty(s *truth.Site, m map[int]string) {
	s.BeforeClear(len(m))
	for k := range m {
		delete(m, k)
	}
	s.After(len(m))
}

func idiomEmpty() {
	m := map[int]string{}
	s := truth.New("IdiomEmpty", "int", m).Idiom()
	clearByRangeEmpty(s, m)
	clearByRangeEmpty(s, nil)
}

// A float is not equal to itself when it is a NaN, so the compiler must not make a clear of it.
//
//go:noinline
func deleteByRangeFloat(s *truth.Site, m map[float64]int) {
	n := len(m)
	s.Mark()
	for k := range m {
		delete(m, k)
	}
	s.Own(n-len(m), 0, n, len(m))
}

func idiomFloat() {
	m := map[float64]int{}
	for i := 0; i < 20; i++ {
		m[float64(i)] = i
	}
	deleteByRangeFloat(truth.New("IdiomFloat", "float64", m).Offset(2), m)
}

//go:noinline
func deleteByRangeInterface(s *truth.Site, m map[interface{}]int) {
	n := len(m)
	s.Mark()
	for k := range m {
		delete(m, k)
	}
	s.Own(n-len(m), 0, n, len(m))
}

func idiomInterface() {
	m := map[interface{}]int{1: 1, "2": 2, 3.5: 3}
	deleteByRangeInterface(truth.New("IdiomInterface", "interface", m).Offset(2), m)
}

//go:noinline
func clearByRangeBigKey(s *truth.Site, m map[[20]uint64]int) {
	s.BeforeClear(len(m))
	for k := range m {
		delete(m, k)
	}
	s.After(len(m))
}

func idiomBigKey() {
	m := map[[20]uint64]int{{1}: 1, {2}: 2, {3}: 3}
	clearByRangeBigKey(truth.New("IdiomBigKey", "array", m).Idiom(), m)
}

// --- helpers that are inlined into their callers ---

func drop(m map[string]int, k string) {
	delete(m, k)
}

//go:noinline
func viaInlined(s *truth.Site, m map[string]int, k string) {
	s.Before(len(m), k)
	drop(m, k)
	s.After(len(m))
}

func letters(n int) map[string]int {
	m := map[string]int{}
	for i := 0; i < n; i++ {
		m[string(rune('a'+i))] = i
	}
	return m
}

func inlinedHelper() {
	m := letters(12)
	s := truth.New("Inlined", "string", m).Inlined(drop)
	for _, k := range []string{"c", "a", "?", "b", "c"} {
		viaInlined(s, m, k)
	}
}

func dropInt(m map[int]bool, k int) {
	delete(m, k)
}

// The same helper, inlined twice in one function.
//
//go:noinline
func viaInlinedTwice(s *truth.Site, m map[int]bool, k int) {
	s.Before(len(m), k)
	dropInt(m, k)
	s.After(len(m))
	s.Before(len(m), k+1)
	dropInt(m, k+1)
	s.After(len(m))
}

func inlinedTwice() {
	m := map[int]bool{1: true, 2: true, 3: true, 4: true}
	s := truth.New("InlinedTwice", "int", m).Inlined(dropInt)
	viaInlinedTwice(s, m, 1)
	viaInlinedTwice(s, m, 4)
}

type store struct {
	entries map[uint32]int
	hits    int
}

func (st *store) remove(k uint32) {
	delete(st.entries, k)
}

//go:noinline
func viaMethod(s *truth.Site, st *store, k uint32) {
	s.Before(len(st.entries), k)
	st.remove(k)
	s.After(len(st.entries))
}

func inlinedMethod() {
	st := &store{entries: map[uint32]int{1: 1, 2: 2, 3: 3}}
	s := truth.New("InlinedMethod", "uint32", st.entries).Inlined((*store).remove)
	viaMethod(s, st, 2)
	viaMethod(s, st, 2)
	viaMethod(s, st, 3)
}

func deep1(m map[int64]int, k int64) {
	delete(m, k)
}

func deep2(m map[int64]int, k int64) {
	deep1(m, k)
}

func deep3(m map[int64]int, k int64) {
	deep2(m, k)
}

//go:noinline
func viaDeep(s *truth.Site, m map[int64]int, k int64) {
	s.Before(len(m), k)
	deep3(m, k)
	s.After(len(m))
}

func inlinedDeep() {
	m := map[int64]int{1: 1, 2: 2, 3: 3}
	s := truth.New("InlinedDeep", "int64", m).Inlined(deep1, deep2, deep3)
	viaDeep(s, m, 1)
	viaDeep(s, m, 5)
	viaDeep(s, m, 3)
}

// --- methods behind wrappers of the compiler ---

type remover interface{ drop(s *truth.Site, k int) }

type byValue struct{ m map[int]int }

//go:noinline
func (b byValue) drop(s *truth.Site, k int) {
	s.Before(len(b.m), k)
	delete(b.m, k)
	s.After(len(b.m))
}

type base struct{ m map[int]string }

//go:noinline
func (b *base) drop(s *truth.Site, k int) {
	s.Before(len(b.m), k)
	delete(b.m, k)
	s.After(len(b.m))
}

// derived has the method of base through embedding.
type derived struct {
	name string
	*base
}

type bound struct{ m map[int]uint8 }

//go:noinline
func (b *bound) drop(s *truth.Site, k int) {
	s.Before(len(b.m), k)
	delete(b.m, k)
	s.After(len(b.m))
}

func numbers(n int) map[int]int {
	m := map[int]int{}
	for i := 0; i < n; i++ {
		m[i] = i
	}
	return m
}

//go:noinline
func throughInterface(r remover, s *truth.Site, k int) { r.drop(s, k) }

//go:noinline
func throughValue(f func(*truth.Site, int), s *truth.Site, k int) { f(s, k) }

func methods() {
	v := &byValue{numbers(5)}
	s := truth.New("MethodByValue", "int", v.m)
	throughInterface(v, s, 1)
	throughInterface(v, s, 9)
	throughInterface(v, s, 2)

	d := derived{"d", &base{map[int]string{1: "a", 2: "b"}}}
	s = truth.New("MethodEmbedded", "int", d.m)
	throughInterface(d, s, 1)
	throughInterface(&d, s, 1)
	throughInterface(&d, s, 2)

	b := &bound{map[int]uint8{1: 1, 2: 2}}
	s = truth.New("MethodValue", "int", b.m)
	throughValue(b.drop, s, 2)
	throughValue(b.drop, s, 3)
}

//go:noinline
func call(f func(k int), k int) { f(k) }

func closures() {
	m := map[int]float32{1: 1, 2: 2, 3: 3}
	s := truth.New("Closure", "int", m)
	f := func(k int) {
		s.Before(len(m), k)
		delete(m, k)
		s.After(len(m))
	}
	call(f, 1)
	call(f, 1)
	call(f, 3)
}

// --- defer and panic ---

//go:noinline
func deferClosure(s *truth.Site, m map[int]int16, k int) {
	defer func() {
		s.Before(len(m), k)
		delete(m, k)
		s.After(len(m))
	}()
	m[k+1]++
}

func deferredClosure() {
	m := map[int]int16{1: 1, 4: 1}
	s := truth.New("DeferredClosure", "int", m)
	deferClosure(s, m, 1)
	deferClosure(s, m, 1)
	deferClosure(s, m, 4)
}

// The builtin itself is deferred: the compiler makes a wrapper, which no stack shows. The two other deferred calls run directly before
// and after, from the same place.
//
//go:noinline
func deferBuiltin(s *truth.Site, m map[string]int16, k string) {
	defer s.AfterMap(m)
	defer delete(m, k)
	defer s.BeforeHere(len(m), k)
	k = "other"
}

func deferredBuiltin() {
	m := map[string]int16{"x": 1, "y": 2}
	s := truth.New("DeferredBuiltin", "string", m)
	s.Alt = []string{"main.deferBuiltin.func1", "main.deferBuiltin.deferwrap1", "main.deferBuiltin.deferwrap2", "main.deferBuiltin.func2"}
	deferBuiltin(s, m, "x")
	deferBuiltin(s, m, "x")
	deferBuiltin(s, m, "y")
}

// Deferred calls in a loop are kept in a list, not compiled into the end of the function.
//
//go:noinline
func deferInLoop(s *truth.Site, m map[int]int8, n int) {
	for k := 0; k < n; k++ {
		k := k
		defer func() {
			s.Before(len(m), k)
			delete(m, k)
			s.After(len(m))
		}()
	}
}

func deferredInLoop() {
	m := map[int]int8{0: 1, 1: 1, 2: 1, 3: 1}
	deferInLoop(truth.New("DeferredInLoop", "int", m), m, 6)
}

type panicker struct{ m map[string]bool }

//go:noinline
func (p *panicker) fall(k string) {
	var nobody *item
	if len(k) > 1 {
		panic("long")
	}
	p.m[fmt.Sprint(nobody.id)] = true
}

//go:noinline
func deleteWhilePanicking(s *truth.Site, p *panicker, k string) {
	defer func() { recover() }()
	defer func() {
		s.Before(len(p.m), k)
		delete(p.m, k)
		s.After(len(p.m))
	}()
	p.fall(k)
}

func whilePanicking() {
	p := &panicker{map[string]bool{"a": true, "long one": true}}
	s := truth.New("WhilePanicking", "string", p.m)
	deleteWhilePanicking(s, p, "long one")
	deleteWhilePanicking(s, p, "a")
	deleteWhilePanicking(s, p, "b")
}

// --- go ---

// A goroutine that is nothing but the builtin: only a wrapper of the compiler stands on its stack.
//
//go:noinline
func goDelete(s *truth.Site, m map[uint16]int, k uint16) {
	s.Mark()
	go delete(m, k)
}

func goBuiltin() {
	m := map[uint16]int{1: 1, 2: 2}
	s := truth.New("GoBuiltin", "uint16", m)
	s.Alt = []string{"main.goDelete.func1", "main.goDelete.gowrap1"}
	goDelete(s, m, 1)
	for truth.Len(m) != 1 {
		time.Sleep(time.Millisecond)
	}
	s.Count(0, truth.Counts{Removed: 1})
}

// --- generics ---

//go:noinline
func deleteGeneric[K comparable, V any](s *truth.Site, m map[K]V, k K) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteGenericString[M ~map[K]V, K ~string, V any](s *truth.Site, m M, k K) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

//go:noinline
func deleteGenericStruct[K comparable, V any](s *truth.Site, m map[K]V, k K) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

type cache[K comparable, V any] struct{ entries map[K]V }

//go:noinline
func (c *cache[K, V]) evict(s *truth.Site, k K) {
	s.Before(len(c.entries), k)
	delete(c.entries, k)
	s.After(len(c.entries))
}

var dropGenericAt = truth.Here()

func dropGeneric[K comparable, V any](m map[K]V, k K) {
	delete(m, k)
}

//go:noinline
func viaInlinedGeneric(s *truth.Site, m map[uint8]int, k uint8) {
	s.Before(len(m), k)
	dropGeneric(m, k)
	s.After(len(m))
}

func generics() {
	ints := map[int]string{1: "a", 2: "b", 3: "c"}
	s := truth.New("GenericInt", "int", ints)
	deleteGeneric(s, ints, 1)
	deleteGeneric(s, ints, 1)
	deleteGeneric(s, ints, 3)

	names := map[userName]int{"a": 1, "b": 2, "c": 3}
	s = truth.New("GenericNamedString", "named string", names)
	deleteGenericString(s, names, "b")
	deleteGenericString(s, names, "a")
	deleteGenericString(s, names, "z")

	wides := map[wide16]*item{{1, 2}: nil, {3, 4}: nil}
	s = truth.New("GenericStruct", "struct", wides)
	deleteGenericStruct(s, wides, wide16{3, 4})
	deleteGenericStruct(s, wides, wide16{4, 3})

	c := &cache[[2]string, int]{map[[2]string]int{{"a", "b"}: 1, {"c", "d"}: 2}}
	s = truth.New("GenericMethod", "array", c.entries)
	c.evict(s, [2]string{"a", "b"})
	c.evict(s, [2]string{"a", "b"})

	bytes := map[uint8]int{1: 1, 2: 2, 3: 3}
	s = truth.New("GenericInlined", "uint8", bytes).InlinedAt("main.dropGeneric[...]", dropGenericAt, 3)
	viaInlinedGeneric(s, bytes, 3)
	viaInlinedGeneric(s, bytes, 2)
	viaInlinedGeneric(s, bytes, 2)
}

// --- reflect ---

//go:noinline
func reflectDelete(s *truth.Site, m reflect.Value, k reflect.Value) {
	s.Before(m.Len(), k.Interface())
	m.SetMapIndex(k, reflect.Value{})
	s.After(m.Len())
}

//go:noinline
func reflectDeleteString(s *truth.Site, m reflect.Value, k reflect.Value) {
	s.Before(m.Len(), k.Interface())
	m.SetMapIndex(k, reflect.Value{})
	s.After(m.Len())
}

//go:noinline
func reflectDeleteMade(s *truth.Site, m reflect.Value, k reflect.Value) {
	s.Before(m.Len(), k.Interface())
	m.SetMapIndex(k, reflect.Value{})
	s.After(m.Len())
}

func reflected() {
	m := reflect.ValueOf(map[int]int{1: 1, 2: 2, 3: 3})
	s := truth.New("ReflectInt", "int", m.Interface()).Through("reflect", "reflect.Value.SetMapIndex")
	reflectDelete(s, m, reflect.ValueOf(2))
	reflectDelete(s, m, reflect.ValueOf(9))
	reflectDelete(s, m, reflect.ValueOf(1))

	m = reflect.ValueOf(letters(10))
	s = truth.New("ReflectString", "string", m.Interface()).Through("reflect", "reflect.Value.SetMapIndex")
	reflectDeleteString(s, m, reflect.ValueOf("c"))
	reflectDeleteString(s, m, reflect.ValueOf("?"))
	reflectDeleteString(s, m, reflect.ValueOf("a"))

	// A type that the program makes while it runs has no name in the binary.
	t := reflect.MapOf(reflect.TypeOf(int16(0)), reflect.TypeOf([3]chan bool{}))
	m = reflect.MakeMap(t)
	for i := int16(0); i < 4; i++ {
		m.SetMapIndex(reflect.ValueOf(i), reflect.Zero(t.Elem()))
	}
	s = truth.New("ReflectMade", "int16", m.Interface()).Through("reflect", "reflect.Value.SetMapIndex")
	reflectDeleteMade(s, m, reflect.ValueOf(int16(3)))
	reflectDeleteMade(s, m, reflect.ValueOf(int16(4)))
}
