// Parts does the same deletes each time it is told "round": keys that a filter can only compare after they were decoded, of which some are
// longer than what is read, and one delete in a function that is inlined. For tests of --key, --key-prefix and --site.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

type pair struct {
	X float64
	S string
}

var (
	anys    = map[interface{}]int{}
	pairs   = map[pair]int{}
	lists   = map[[9]string]int{}
	wides   = map[[40]string]int{}
	complex = map[complex64]int{}
	texts   = map[string]int{}
	ints    = map[int64]int{}
	long    = strings.Repeat("k", 100)
)

func inner(k string) { delete(texts, k) }

//go:noinline
func outer(k string) { inner(k) }

func round() {
	for _, k := range []interface{}{0.0, (*int)(nil), 42, "42", "user:42", long, complex64(0), uint8(8), uint8(10), "\xff\xfe",
		pair{0, "a"}, int64(9007199254740993)} {
		anys[k] = 1
		delete(anys, k)
	}
	for _, k := range []pair{{0, "a"}, {1.5, long}} {
		pairs[k] = 1
		delete(pairs, k)
	}
	list, wide := [9]string{}, [40]string{}
	for i := range wide {
		wide[i] = string(rune('a' + i))
	}
	copy(list[:], wide[:])
	lists[list], wides[wide] = 1, 1
	delete(lists, list)
	delete(wides, wide)
	complex[0], complex[0.1+0.2i] = 1, 1
	delete(complex, 0)
	delete(complex, 0.1+0.2i)
	for _, k := range []string{"a\x00b", "\xff\xfe", "inlined"} {
		texts[k] = 1
		outer(k)
	}
	for _, k := range []int64{42, 10, 9007199254740993} {
		ints[k] = 1
		delete(ints, k)
	}
}

func main() {
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		round()
		fmt.Println("done")
	}
}
