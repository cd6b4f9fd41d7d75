// The program of docs/recipes/what-holds-my-deleted-session.md: a session that is deleted and stays.
package main

import (
	"fmt"
	"os"
)

type session struct {
	user       string
	attributes map[string]string
}

type timer struct {
	minutes int
	owner   *session
}

var (
	sessions = map[string]*session{}
	timers   = map[string]*timer{}
)

func login(user string) {
	s := &session{user: user, attributes: map[string]string{"role": "guest"}}
	sessions[user] = s
	timers[user] = &timer{minutes: 30, owner: s}
}

func logout(user string) {
	delete(sessions, user)
	if user != "user:42" { // the mistake
		delete(timers, user)
	}
}

func main() {
	for i := 0; i < 100; i++ {
		login(fmt.Sprint("user:", i))
	}
	for i := 40; i < 50; i++ {
		logout(fmt.Sprint("user:", i))
	}
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	fmt.Println(len(sessions), len(timers))
}
