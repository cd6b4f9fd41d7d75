// Deletes as many keys as a line on its standard input says, one after the other, and says so: "deleted 20". Each is "user:N", and N counts on.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

type session struct{ id int }

//go:noinline
func drop(m map[string]*session, key string) { delete(m, key) }

func main() {
	m := map[string]*session{}
	next := 0
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		n, _ := strconv.Atoi(lines.Text())
		for i := 0; i < n; i++ {
			key := "user:" + strconv.Itoa(next)
			m[key] = &session{next}
			drop(m, key)
			next++
		}
		fmt.Println("deleted", n)
	}
}
