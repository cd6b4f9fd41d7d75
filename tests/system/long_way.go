// Holds maps at the end of lists: N lists of M objects each, and two maps at the begin of the last one.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

type node struct {
	next *node
	m    map[int8]int
}

var lists []*node
var near map[int16]int

func number(i int) int {
	n, _ := strconv.Atoi(os.Args[i])
	return n
}

func main() {
	lists = make([]*node, number(1))
	for i := range lists {
		lists[i] = &node{m: map[int8]int{1: i}}
		for j := 1; j < number(2); j++ {
			lists[i] = &node{next: lists[i]}
		}
	}
	near = map[int16]int{1: 1, 2: 2}
	runtime.GC()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(len(lists), near)
}
