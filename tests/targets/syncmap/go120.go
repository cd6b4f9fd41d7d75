//go:build go1.20

package main

import "sync"

func init() { later = append(later, compareAndDelete, swapped) }

//go:noinline
func compare(j *journal, m *sync.Map, key, old interface{}) bool {
	fn, line := next()
	deleted := m.CompareAndDelete(key, old)
	j.add("CompareAndDelete", fn, line, key, deleted)
	return deleted
}

func compareAndDelete(j *journal) {
	for _, promoted := range []bool{false, true} {
		var m sync.Map
		for i := 0; i < 20; i++ {
			m.Store(i, i)
			m.Store(point{i, i}, "value")
		}
		if promoted {
			promote(&m)
		}
		for i := 0; i < 20; i++ {
			check("another value", compare(j, &m, i, i+1), false)
			check("the value", compare(j, &m, i, i), true)
			check("again", compare(j, &m, i, i), false)
			check("LoadAndDelete", loadAndDelete(j, &m, i), false) // it may still be in the dirty map
			check("the value", compare(j, &m, point{i, i}, "value"), true)
		}
	}
	var m sync.Map
	for _, k := range []interface{}{int(5), int64(5), uint64(5)} { // one chain in a hash trie
		m.Store(k, "v")
	}
	check("chain", compare(j, &m, int64(5), "v"), true)
	check("chain", compare(j, &m, int64(5), "v"), false)
	check("chain", compare(j, &m, int(5), "w"), false)
	check("chain", compare(j, &m, uint64(5), "v"), true)
	check("chain", compare(j, &m, int(5), "v"), true)
}

// swapped changes values, which deletes nothing.
func swapped(j *journal) {
	var m sync.Map
	for i := 0; i < 10; i++ {
		m.Store(i, 1)
		m.Swap(i, 2)
		m.CompareAndSwap(i, 2, 3)
		check("the old value", compare(j, &m, i, 2), false)
		check("the value", compare(j, &m, i, 3), true)
	}
}
