// A tree of processes, three levels deep, in which each one deletes all the time and notes how often. It forks, executes another Go program,
// executes itself again, and starts its successor and hands over to it.
//
//	tree ROLE FOLDER SELF OTHER
//
// SELF is this program, and OTHER is another one that was built from this file. FOLDER gets a file for each process: one line for each program
// that it executed, with SELF, the number of its deletes and the id of the parent. With GATE in the environment, the server and its first worker
// stop deleting, note that in FOLDER, and go on when FOLDER/go is there. What they deleted before does not count.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

var (
	role, folder, self, other = os.Args[1], os.Args[2], os.Args[3], os.Args[4]

	mutex   sync.Mutex // held while nothing may be deleted
	deletes int
)

//go:noinline
func drop(m map[string]int, i int) {
	key := strconv.Itoa(i)
	m[key] = i
	delete(m, key)
	deletes++
}

func dropAllTheTime() {
	m := map[string]int{}
	for i := 0; ; i++ {
		mutex.Lock()
		drop(m, i)
		mutex.Unlock()
		time.Sleep(time.Millisecond)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// note ends the deletes of this program, and writes how many there were.
func note() {
	mutex.Lock()
	file, err := os.OpenFile(folder+"/"+strconv.Itoa(os.Getpid()), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0644)
	check(err)
	fmt.Fprintln(file, self, deletes, os.Getppid())
	file.Close()
}

func exists(name string) bool {
	_, err := os.Stat(folder + "/" + name)
	return err == nil
}

func gate() {
	if os.Getenv("GATE") == "" {
		return
	}
	mutex.Lock()
	check(os.WriteFile(fmt.Sprint(folder, "/paused.", role, ".", os.Getpid()), nil, 0644))
	for !exists("go") {
		time.Sleep(time.Millisecond)
	}
	deletes = 0
	mutex.Unlock()
}

func command(path, role, self, other string) *exec.Cmd {
	c := exec.Command(path, role, folder, self, other)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c
}

func start(c *exec.Cmd) *exec.Cmd {
	check(c.Start())
	return c
}

func become(path, role, self, other string) {
	note()
	check(syscall.Exec(path, []string{path, role, folder, self, other}, os.Environ()))
}

func server() {
	first := start(command("/proc/self/exe", "worker", self, other))
	gate()
	second := start(command(other, "worker", other, self)) // by way of another program
	third := start(exec.Command("sh", "-c", `setsid "$0" "$@" & wait`, self, "daemon", folder, self, other))
	ready, write, err := os.Pipe()
	check(err)
	successor := command("/proc/self/exe", "successor", self, other)
	successor.ExtraFiles = []*os.File{write}
	start(successor)
	write.Close()
	ready.Read(make([]byte, 1)) // it has begun
	for _, c := range []*exec.Cmd{first, second, third} {
		check(c.Wait())
	}
	note()
}

func successor() {
	server := os.Getppid()
	time.Sleep(5 * time.Millisecond)
	os.NewFile(3, "ready").Write([]byte{0})
	for os.Getppid() == server {
		time.Sleep(time.Millisecond)
	}
	check(start(command(self, "leaf", self, other)).Wait())
	note()
}

func worker() {
	gate()
	leaves := []*exec.Cmd{start(command("/proc/self/exe", "leaf", self, other)), start(command(other, "leaf", other, self))}
	time.Sleep(20 * time.Millisecond)
	for _, c := range leaves {
		check(c.Wait())
	}
	become("/proc/self/exe", "again", self, other)
}

// again executes itself once more, by a thread that is not the first one.
func again() {
	check(start(command(self, "leaf", self, other)).Wait())
	go become(self, "last", self, other)
	select {}
}

func main() {
	go dropAllTheTime()
	switch role {
	case "server":
		server()
	case "successor":
		successor()
	case "worker":
		worker()
	case "again":
		again()
	case "leaf":
		time.Sleep(15 * time.Millisecond)
		become(other, "last", other, self)
	default:
		time.Sleep(15 * time.Millisecond)
		note()
	}
}
