// Sessions is a small server that keeps its users' sessions in a map. It serves made-up requests for some seconds and ends. Once in a
// while a session that is in use is gone, and the log only says:
//
//	session user:42 vanished
//
// Three places delete sessions. Which one is it? The program does not know; a trace of the map's deletes does:
//
//	tophash trace --key user:42 -- ./sessions
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"sync"
	"time"
)

const (
	users  = 100
	shards = 50 // of the profile cache
)

// A session of a user who has logged in.
type session struct {
	user    string
	number  int
	expires time.Time
}

// store is all sessions by user.
type store struct {
	mu       sync.Mutex
	sessions map[string]*session
}

// login makes a new session. A user's sessions live for long: none expires while the program runs, except those of guests.
func (st *store) login(user string, number int, life time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sessions[user] = &session{user, number, time.Now().Add(life)}
}

// lookup is what every request does first.
func (st *store) lookup(user string) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.sessions[user] != nil
}

// drop takes a session out. It is so small that the compiler copies it into its callers.
func (st *store) drop(user string) {
	delete(st.sessions, user)
}

// sweep removes what has expired.
func (st *store) sweep() {
	st.mu.Lock()
	defer st.mu.Unlock()
	now := time.Now()
	for user, s := range st.sessions {
		if now.After(s.expires) {
			st.drop(user)
		}
	}
}

// logout removes a session because its user says so.
func (st *store) logout(user string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.drop(user)
}

// profile is what the server knows about a user besides the session: kept in a cache in shards, read again from time to time.
type profile struct {
	user  string
	score int
}

// refresh reads the profiles of ten users again. A profile that cannot be had ends the session it belongs to.
func (st *store) refresh(cache *[shards]map[string]*profile, from int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for i := from; i < from+10; i++ {
		number := i % users
		shard := number % shards
		if p := load(number); p != nil {
			cache[shard][p.user] = p
		} else {
			st.drop(name(shard))
		}
	}
}

// load fails for one user, whose profile is damaged.
func load(number int) *profile {
	if number == 92 {
		return nil
	}
	return &profile{name(number), number * 10}
}

func name(number int) string { return fmt.Sprintf("user:%d", number) }

// every calls f again and again until the program's time is over.
func every(d time.Duration, end time.Time, wg *sync.WaitGroup, f func(round int)) {
	wg.Add(1)
	go func() {
		defer wg.Done()
		for round := 0; time.Now().Before(end); round++ {
			time.Sleep(d)
			f(round)
		}
	}()
}

func main() {
	seconds := flag.Float64("seconds", 10, "how long to serve")
	flag.Parse()
	log.SetOutput(os.Stdout)
	end := time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	st := &store{sessions: map[string]*session{}}
	for i := 0; i < users; i++ {
		st.login(name(i), i, time.Hour)
	}
	log.Printf("serving %d sessions, pid %d", users, os.Getpid())

	var cache [shards]map[string]*profile
	for i := range cache {
		cache[i] = map[string]*profile{}
	}
	var wg sync.WaitGroup
	every(20*time.Millisecond, end, &wg, func(int) { st.sweep() })
	every(100*time.Millisecond, end, &wg, func(round int) { st.refresh(&cache, round*10) })
	every(10*time.Millisecond, end, &wg, func(round int) { // guests come and go
		st.login(fmt.Sprintf("guest:%d", round), round, 50*time.Millisecond)
	})
	every(15*time.Millisecond, end, &wg, func(round int) { // users with an odd number log out, and in again
		user := name((2*round + 1) % users)
		st.logout(user)
		st.login(user, round, time.Hour)
	})
	requests, vanished := 0, 0
	every(time.Millisecond, end, &wg, func(round int) { // users with an even number are at work
		requests++
		if user := name(2 * round % users); !st.lookup(user) {
			vanished++
			log.Printf("session %s vanished", user)
			st.login(user, round, time.Hour)
		}
	})
	wg.Wait()
	log.Printf("served %d requests, %d sessions vanished", requests, vanished)
}
