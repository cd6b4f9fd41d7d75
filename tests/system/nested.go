// Deletes below recursions of some depths, each with two callers, whose frames come after those of the recursion. Each pair
// of depth and caller deletes a number of times that no other has. It clears and misses in the same way. Arguments: what to do, and the
// depths. It begins when it reads a line, and says when it is done.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

var times int
var m = map[int]int{}

//go:noinline
func drop() {
	for i := 0; i < times; i++ {
		m[1] = 1
		delete(m, 1)
	}
}

//go:noinline
func wipe() {
	for i := 0; i < times; i++ {
		m[1], m[2], m[3] = 1, 2, 3
		clear(m)
	}
}

//go:noinline
func miss() {
	m[2] = 2
	for i := 0; i < times; i++ {
		delete(m, 1)
	}
}

//go:noinline
func nest(depth int, f func()) int {
	if depth == 1 {
		f()
		return 1
	}
	return nest(depth-1, f) + 1
}

//go:noinline
func odd(depth int, f func()) int { return nest(depth, f) + 1 }

//go:noinline
func even(depth int, f func()) int { return nest(depth, f) + 2 }

func main() {
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	in.Scan()
	kinds := map[string]func(){"drop": drop, "wipe": wipe, "miss": miss}
	f := kinds[os.Args[1]]
	for _, word := range os.Args[2:] {
		depth, _ := strconv.Atoi(word)
		times++
		odd(depth, f)
		times++
		even(depth, f)
	}
	fmt.Println("done")
	in.Scan()
}
