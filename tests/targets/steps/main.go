// Steps deletes when it is told to: each line on stdin names a step, each answer on stdout says what it did. For tests that attach,
// detach and look in between.
//
//	N          remove N elements (new ones are put in first when there are too few)
//	miss N     delete N keys that are not there
//	clear      clear the map
//	key NAME   put in NAME and delete it
//	go N       remove N elements in a goroutine of their own
//	sleep MS   sleep
//	exit CODE  end with this code (at the end of the input: 0)
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

var (
	sessions = map[string]int{}
	next     int // the number of the next element that is put in
	oldest   int // the number of the next one that is removed
	removed  int
	missed   int
	cleared  int
)

func fill(n int) {
	for len(sessions) < n {
		sessions[fmt.Sprintf("step:%d", next)] = next
		next++
	}
}

//go:noinline
func remove(n int) {
	fill(n)
	for ; n > 0; n-- {
		delete(sessions, fmt.Sprintf("step:%d", oldest))
		oldest++
		removed++
	}
}

//go:noinline
func miss(n int) {
	fill(1)
	for i := 0; i < n; i++ {
		delete(sessions, fmt.Sprintf("nobody:%d", i))
		missed++
	}
}

//go:noinline
func clearAll() {
	cleared += len(sessions)
	for k := range sessions {
		delete(sessions, k)
	}
	oldest = next
}

//go:noinline
func removeKey(name string) {
	sessions[name] = -1
	delete(sessions, name)
	removed++
}

func step(words []string) error {
	n := 0
	if len(words) > 1 && words[0] != "key" {
		var err error
		if n, err = strconv.Atoi(words[1]); err != nil {
			return err
		}
	}
	switch words[0] {
	case "miss":
		miss(n)
	case "clear":
		clearAll()
	case "key":
		removeKey(strings.Join(words[1:], " "))
	case "go":
		done := make(chan bool)
		go func() {
			remove(n)
			close(done)
		}()
		<-done
	case "sleep":
		time.Sleep(time.Duration(n) * time.Millisecond)
	case "exit":
		os.Exit(n)
	default:
		k, err := strconv.Atoi(words[0])
		if err != nil {
			return err
		}
		remove(k)
	}
	return nil
}

func main() {
	fmt.Printf("ready %d\n", os.Getpid())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Fields(in.Text())
		if len(words) == 0 {
			continue
		}
		if err := step(words); err != nil {
			fmt.Printf("error %v\n", err)
			continue
		}
		fmt.Printf("done %s removed=%d missed=%d cleared=%d len=%d\n", words[0], removed, missed, cleared, len(sessions))
	}
}
