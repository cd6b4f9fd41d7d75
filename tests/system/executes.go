// Follows orders, a line each: a number deletes so often; "main" executes the program again, by the first thread if that runs it, "other" by
// another thread than the first.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

//go:noinline
func drop(m map[int]int, k int) { m[k] = k; delete(m, k) }
func main() {
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	m := map[int]int{}
	for {
		line, err := in.ReadString('\n')
		words := strings.Fields(line)
		if err != nil || len(words) == 0 {
			return
		}
		again := func() { panic(syscall.Exec("/proc/self/exe", os.Args, os.Environ())) }
		switch words[0] {
		case "main":
			again()
		case "other":
			go func() { runtime.LockOSThread(); again() }()
			select {}
		default:
			n, _ := strconv.Atoi(words[0])
			for i := 0; i < n; i++ {
				drop(m, i)
			}
			fmt.Println("done")
		}
	}
}
