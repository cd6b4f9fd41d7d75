// Kinds deletes from maps in every way there is, with every kind of key, and knows what it did: see ../README.md.
//
//	kinds [-now] [-truth FILE] [-only GROUP,...] [-scale N]
//
// Without -now it first waits for a line on stdin, so that a tracer can attach. The groups are basic, special, ways, later (what came
// with newer Go, and cgo) and stress.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"

	"targets/truth"
)

// later are the cases that need a newer Go or cgo; files with build constraints add to it.
var later []func()

func main() {
	now := flag.Bool("now", false, "do not wait for a line on stdin")
	file := flag.String("truth", "", "write the truth to this file instead of stdout")
	only := flag.String("only", "basic,special,ways,later,stress", "groups of cases to run")
	scale := flag.Int("scale", 1, "multiply the size of the stress cases")
	flag.Parse()
	if !*now {
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	groups := map[string]bool{}
	for _, g := range strings.Split(*only, ",") {
		groups[g] = true
	}
	if groups["basic"] {
		basicKinds()
	}
	if groups["special"] {
		specialKeys()
	}
	if groups["ways"] {
		waysOut()
	}
	if groups["later"] {
		for _, f := range later {
			f()
		}
	}
	if groups["stress"] {
		stress(*scale)
	}
	if err := truth.Write("kinds", *file); err != nil {
		fmt.Fprintln(os.Stderr, "kinds:", err)
		os.Exit(1)
	}
}
