// A plugin that deletes from the maps of its program. Each key is deleted twice, and the second time nothing is found.
package main

import "sync"

type PluginKey struct {
	Name string
	N    int
}

func KeyOf(name string, n int) any { return PluginKey{name, n} }

func DropStructs(m map[struct {
	Name string
	N    int
}]int) {
	for k := range m {
		delete(m, k)
		delete(m, k)
	}
}

func DropAnys(m map[any]int) {
	for k := range m {
		delete(m, k)
		delete(m, k)
	}
}

func DropSync(m *sync.Map) {
	m.Range(func(k, v any) bool {
		m.Delete(k)
		return true
	})
}

var own sync.Map

func OwnSync(n int) {
	for i := 0; i < n; i++ {
		own.Store(i, i)
		own.Delete(i)
		own.Store(i, i)
		own.LoadAndDelete(i)
		own.Delete(i) // finds nothing
	}
}

func main() {}
