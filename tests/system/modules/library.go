// A library for programs in other languages.
package main

import "C"

var numbers = map[int64]int{}

//export Work
func Work(n int) {
	for i := 0; i < n; i++ {
		numbers[int64(i)] = i
		delete(numbers, int64(i))
	}
}

func main() {}
