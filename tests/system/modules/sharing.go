// A program that shares its maps with a plugin, the first argument. "structs N", "anys N" and "sync N" make the plugin delete N keys from a
// map of the program, whose types the plugin does not have. "own N" makes the program delete N keys of a type that only the plugin has.
// "plugin N" makes the plugin delete 2 N keys from its own sync.Map.
package main

import (
	"bufio"
	"fmt"
	"os"
	"plugin"
	"strconv"
	"sync"
)

type hostKey struct {
	Name string
	N    int
}

// The two files have this type. The linker lets the plugin use the program's.
type pair = struct {
	Name string
	N    int
}

func look(p *plugin.Plugin, name string) plugin.Symbol {
	symbol, err := p.Lookup(name)
	if err != nil {
		panic(err)
	}
	return symbol
}

func main() {
	p, err := plugin.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	dropStructs := look(p, "DropStructs").(func(map[pair]int))
	dropAnys := look(p, "DropAnys").(func(map[any]int))
	dropSync := look(p, "DropSync").(func(*sync.Map))
	keyOf := look(p, "KeyOf").(func(string, int) any)
	ownSync := look(p, "OwnSync").(func(int))
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var what string
		var n int
		fmt.Sscan(lines.Text(), &what, &n)
		if what == "plugin" {
			ownSync(n)
			n = 0
		}
		for i := 0; i < n; i++ {
			name := strconv.Itoa(i)
			switch what {
			case "structs":
				dropStructs(map[pair]int{{"s" + name, i}: i})
			case "anys":
				dropAnys(map[any]int{hostKey{"h" + name, i}: i})
			case "sync":
				var m sync.Map
				m.Store(hostKey{"y" + name, i}, i)
				dropSync(&m)
			case "own":
				m := map[any]int{keyOf("p"+name, i): i}
				delete(m, keyOf("p"+name, i))
			}
		}
		fmt.Println("done")
	}
}
