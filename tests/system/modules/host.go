// A program that loads a plugin. It obeys a line at a time: "load FILE" loads the plugin, "plugin N" and "host N" make N deletes each.
// An argument is a plugin that it loads first.
package main

import (
	"bufio"
	"fmt"
	"os"
	"plugin"
	"runtime"
	"syscall"
)

type session struct{ id int }

var sessions = map[string]*session{}

var work func(int)

func drop(n int) {
	for i := 0; i < n; i++ {
		key := fmt.Sprint("user:", i)
		sessions[key] = &session{i}
		delete(sessions, key)
	}
}

func load(path string) {
	p, err := plugin.Open(path)
	if err == nil {
		var symbol plugin.Symbol
		if symbol, err = p.Lookup("Work"); err == nil {
			work = symbol.(func(int))
			return
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func init() { runtime.LockOSThread() } // main keeps the first thread

func main() {
	if len(os.Args) > 1 {
		load(os.Args[1])
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var what, argument string
		var n int
		fmt.Sscan(lines.Text(), &what, &argument)
		fmt.Sscan(argument, &n)
		switch what {
		case "load":
			load(argument)
		case "plugin":
			work(n)
		case "again": // "again main" executes itself by the first thread, "again other" by another one
			again := func() { fmt.Println(syscall.Exec("/proc/self/exe", os.Args, os.Environ())) }
			if argument == "main" {
				again()
			}
			go again()
			select {}
		default:
			drop(n)
		}
		fmt.Println("done")
	}
}
