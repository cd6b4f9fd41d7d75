// Deletes for a time, which is the argument, with a rest now and then.
package main

import (
	"os"
	"time"
)

func main() {
	duration, _ := time.ParseDuration(os.Args[1])
	m := map[int]int{}
	for end := time.Now().Add(duration); time.Now().Before(end); {
		for i := 0; i < 1000; i++ {
			m[i] = i
			delete(m, i)
			delete(m, i)
		}
		time.Sleep(time.Millisecond)
	}
}
