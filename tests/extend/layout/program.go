package main

//go:noinline
func usesFlatMaps(m map[string]int) { delete(m, "a") }

func main() {
	m := map[string]int{"a": 1, "b": 2, "c": 3}
	usesFlatMaps(m)
	if len(m) != 2 {
		panic("delete")
	}
}
