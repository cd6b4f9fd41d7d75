//go:build go1.21

package main

import (
	"maps"
	"math"
	"reflect"

	"targets/truth"
)

// What came with Go 1.21: clear, maps.DeleteFunc, reflect's Clear.

func init() { later = append(later, clears, deleteFuncs, reflectClears) }

//go:noinline
func clearInt(s *truth.Site, m map[int]int) {
	s.BeforeClear(len(m))
	clear(m)
	s.After(len(m))
}

//go:noinline
func clearString(s *truth.Site, m map[string][200]byte) {
	s.BeforeClear(len(m))
	clear(m)
	s.After(len(m))
}

//go:noinline
func clearFloat(s *truth.Site, m map[float64]int) {
	s.BeforeClear(len(m))
	clear(m)
	s.After(len(m))
}

//go:noinline
func clearNamed(s *truth.Site, m registry) {
	s.BeforeClear(len(m))
	clear(m)
	s.After(len(m))
}

//go:noinline
func clearGeneric[M ~map[K]V, K comparable, V any](s *truth.Site, m M) {
	s.BeforeClear(len(m))
	clear(m)
	s.After(len(m))
}

func wipe(m map[int8]int) {
	clear(m)
}

//go:noinline
func viaInlinedClear(s *truth.Site, m map[int8]int) {
	s.BeforeClear(len(m))
	wipe(m)
	s.After(len(m))
}

//go:noinline
func clearDeferred(s *truth.Site, m map[int8]string) {
	defer func() {
		s.BeforeClear(len(m))
		clear(m)
		s.After(len(m))
	}()
	m[3] = "c"
}

func clears() {
	m := numbers(3)
	s := truth.New("ClearInt", "int", m)
	clearInt(s, m)
	clearInt(s, m)
	clearInt(s, nil)
	for _, n := range []int{1, 8, 9, 3000} {
		for i := 0; i < n; i++ {
			m[i] = i
		}
		clearInt(s, m)
	}

	big := map[string][200]byte{"a": {}, "b": {}}
	clearString(truth.New("ClearString", "string", big), big)

	floats := map[float64]int{math.NaN(): 1, 0: 0, 1: 1}
	floats[math.NaN()] = 2
	clearFloat(truth.New("ClearFloat", "float64", floats), floats)

	r := registry{"a": nil, "b": nil, "c": nil}
	clearNamed(truth.New("ClearNamed", "string", r), r)

	g := map[wide16]int{{1, 1}: 1, {2, 2}: 2}
	clearGeneric(truth.New("ClearGeneric", "struct", g), g)

	w := map[int8]int{1: 1, 2: 2}
	s = truth.New("ClearInlined", "int8", w).Inlined(wipe)
	viaInlinedClear(s, w)
	viaInlinedClear(s, w)

	d := map[int8]string{1: "a", 2: "b"}
	clearDeferred(truth.New("ClearDeferred", "int8", d), d)
}

//go:noinline
func deleteFuncInt(s *truth.Site, m map[int]int) {
	pending := false
	maps.DeleteFunc(m, func(k, v int) bool {
		if pending {
			s.After(len(m))
		}
		pending = k%2 == 0
		if pending {
			s.BeforeIn(1, len(m), k)
		}
		return pending
	})
	if pending {
		s.After(len(m))
	}
}

//go:noinline
func deleteFuncString(s *truth.Site, m registry) {
	pending := false
	maps.DeleteFunc(m, func(k string, v *item) bool {
		if pending {
			s.After(len(m))
		}
		pending = k != "b"
		if pending {
			s.BeforeIn(1, len(m), k)
		}
		return pending
	})
	if pending {
		s.After(len(m))
	}
}

func deleteFuncs() {
	m := numbers(40)
	deleteFuncInt(truth.New("DeleteFuncInt", "int", m), m)
	r := registry{"a": nil, "b": nil, "c": nil}
	deleteFuncString(truth.New("DeleteFuncString", "string", r), r)
}

//go:noinline
func reflectClear(s *truth.Site, m reflect.Value) {
	s.BeforeClear(m.Len())
	m.Clear()
	s.After(m.Len())
}

func reflectClears() {
	m := reflect.ValueOf(map[string]int{"a": 1, "b": 2, "c": 3})
	s := truth.New("ReflectClear", "string", m.Interface()).Through("reflect clear", "reflect.Value.Clear")
	reflectClear(s, m)
	reflectClear(s, m)
}
