// Maps that generic code empties. The compiler makes one copy of drop and clear for all types of one shape, and the
// runtime may be told the shape only.
package main

type session struct{ user string }
type id int

//go:noinline
func empty[K comparable, V any](m map[K]V) {
	for k := range m {
		delete(m, k)
	}
}

//go:noinline
func drop[K comparable, V any](m map[K]V, k K) { delete(m, k) }

func main() {
	sessions := map[string]*session{"user:42": {}, "user:43": {}, "user:44": {}}
	drop(sessions, "user:44") // 1
	empty(sessions)           // 2
	numbers := map[int]int{1: 1, 2: 2, 3: 3}
	drop(numbers, 1) // 1
	empty(numbers)   // 2
	ids := map[id]string{1: "a", 2: "b", 3: "c", 4: "d"}
	drop(ids, 1) // 1
	empty(ids)   // 3
	plain := map[string]bool{"a": true}
	delete(plain, "a") // 1
}
