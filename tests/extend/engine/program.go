// Says where its map type and two of its return addresses are, and waits: the records to replay name them.
package main

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

//go:noinline
func drop(m map[string]int, k string) []uintptr {
	delete(m, k)
	pcs := make([]uintptr, 8)
	return pcs[:runtime.Callers(1, pcs)]
}

func main() {
	m := map[string]int{"user:42": 1}
	pcs := drop(m, "user:42")
	var held any = m
	fmt.Println((*[2]uintptr)(unsafe.Pointer(&held))[0], pcs[0], pcs[1])
	os.Stdin.Read(make([]byte, 1))
}
