// A program that counts what it deletes: for tests of groups of processes. Its words are steps.
//
//	delete N      deletes N keys, NAME:0 to NAME:N-1, where NAME is its own name
//	wait FILE     waits until the file is there
//	tell FILE     makes the file
//	start WORDS   starts itself with the words up to "end", and waits for it
//	user N        becomes a process of user N
//	exec PROGRAM  executes another program with the words that follow
package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

//go:noinline
func drop(m map[string]int, key string) { delete(m, key) }

func deletes(n int) {
	name := filepath.Base(os.Args[0])
	m := map[string]int{}
	for i := 0; i < n; i++ {
		key := name + ":" + strconv.Itoa(i)
		m[key] = i
		drop(m, key)
	}
}

func waitFor(path string) {
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func start(words []string) {
	command := exec.Command("/proc/self/exe", words...)
	command.Args[0] = os.Args[0]
	if err := command.Run(); err != nil {
		panic(err)
	}
}

func main() {
	words := os.Args[1:]
	for len(words) > 1 {
		switch words[0] {
		case "delete":
			n, _ := strconv.Atoi(words[1])
			deletes(n)
		case "wait":
			waitFor(words[1])
		case "tell":
			os.WriteFile(words[1], nil, 0o644)
		case "start":
			end := 1
			for words[end] != "end" {
				end++
			}
			start(words[1:end])
			words = words[end-1:]
		case "user":
			n, _ := strconv.Atoi(words[1])
			if err := syscall.Setuid(n); err != nil {
				panic(err)
			}
		case "exec":
			panic(syscall.Exec(words[1], words[1:], os.Environ()))
		}
		words = words[2:]
	}
}
