// A plugin that deletes: keys of a type of its own, which no function of the runtime in its program takes, and strings.
package main

type Conn struct {
	ID   int
	Name string
}

var conns = map[Conn]int{}
var names = map[string]bool{}
var kept []any // only the words of interfaces tell their types

func Work(n int) {
	kept = append(kept[:0], map[Conn]int8{{1, "a"}: 1, {2, "b"}: 2}, map[int32]Conn{1: {}})
	for i := 0; i < n; i++ {
		conns[Conn{i, "c"}] = i
		delete(conns, Conn{i, "c"})
		names["n"] = true
		delete(names, "n")
	}
}

func main() {}
