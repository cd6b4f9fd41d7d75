//go:build go1.23

package main

import "sync"

func init() { later = append(later, clears) }

//go:noinline
func clearMap(j *journal, m *sync.Map) {
	fn, line := next()
	m.Clear()
	j.Calls = append(j.Calls, call{Method: "Clear", Func: fn, Line: line, Removed: true})
}

func clears(j *journal) {
	var m sync.Map
	clearMap(j, &m)
	for i := 0; i < 3; i++ {
		for k := 0; k < 50; k++ {
			m.Store(k, k)
		}
		if i == 1 {
			promote(&m)
		}
		clearMap(j, &m)
		del(j, &m, 7, false)
	}
	m.Store(7, 7)
	del(j, &m, 7, true)
}
