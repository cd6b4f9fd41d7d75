//go:build go1.21

package main

import (
	"fmt"
	"maps"
	"reflect"
)

//go:noinline
func cleared(a map[int]int, b map[float64]string, r registry) {
	clear(a)
	clear(b)
	clear(r)
}

//go:noinline
func clearedLater(m map[string]int) {
	defer clear(m)
	fmt.Println(len(m))
}

//go:noinline
func clearAny[M ~map[K]V, K comparable, V any](m M) { clear(m) }

//go:noinline
func deletedFunc(m map[int]int, r registry) {
	maps.DeleteFunc(m, func(k, v int) bool { return k == v })
	maps.DeleteFunc(r, func(k string, v *session) bool { return v == nil })
}

//go:noinline
func later() {
	cleared(nil, nil, nil)
	clearedLater(nil)
	clearAny(registry{})
	clearAny(map[pair]int{})
	deletedFunc(nil, nil)
	reflect.ValueOf(registry{}).Clear()
}
