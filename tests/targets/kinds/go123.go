//go:build go1.23

package main

import (
	"slices"

	"targets/truth"
)

// The body of a range over a function is a function of its own.

func init() { later = append(later, rangeFunc) }

//go:noinline
func deleteInRangeFunc(s *truth.Site, m map[string]uint16, keys []string) {
	for k := range slices.Values(keys) {
		s.Before(len(m), k)
		delete(m, k)
		s.After(len(m))
	}
}

func rangeFunc() {
	m := map[string]uint16{"a": 1, "b": 2, "c": 3}
	deleteInRangeFunc(truth.New("RangeFunc", "string", m), m, []string{"a", "?", "c"})
}
