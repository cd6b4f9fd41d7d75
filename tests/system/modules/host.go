// A program with a plugin. Its argument is the plugin's file. It obeys a line at a time: "plugin N" and "host N" make N deletes each.
package main

import (
	"bufio"
	"fmt"
	"os"
	"plugin"
)

type session struct{ id int }

var sessions = map[string]*session{}

func drop(n int) {
	for i := 0; i < n; i++ {
		key := fmt.Sprint("user:", i)
		sessions[key] = &session{i}
		delete(sessions, key)
	}
}

func main() {
	p, err := plugin.Open(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	work, err := p.Lookup("Work")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var what string
		var n int
		fmt.Sscan(lines.Text(), &what, &n)
		if what == "plugin" {
			work.(func(int))(n)
		} else {
			drop(n)
		}
		fmt.Println("done")
	}
}
