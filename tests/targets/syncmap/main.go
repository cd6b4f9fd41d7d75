// Syncmap deletes from sync.Maps in every way there is, and writes down every call and whether it took an element out: see
// ../README.md.
//
//	syncmap [-now] [-truth FILE]
//
// Without -now it first waits for a line on stdin, so that a tracer can attach.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"

	"targets/truth"
)

// call is one call of a method that deletes or clears.
type call struct {
	Method   string          `json:"method"`
	Func     string          `json:"func"` // the function that calls it
	Line     int             `json:"line"` // 0: not known
	Key      json.RawMessage `json:"key,omitempty"`
	Removed  bool            `json:"removed"`
	Panicked bool            `json:"panicked,omitempty"`
}

// journal has the calls of one goroutine, in order.
type journal struct {
	Goid  int64  `json:"goid"`
	Calls []call `json:"calls"`
}

var (
	journals   []*journal
	journalsMu sync.Mutex
	later      []func(j *journal) // what came with newer releases
)

func newJournal() *journal {
	j := &journal{Goid: truth.Goid()}
	journalsMu.Lock()
	journals = append(journals, j)
	journalsMu.Unlock()
	return j
}

// next is the function that calls it, and the line below.
func next() (string, int) {
	pc, _, line, _ := runtime.Caller(1)
	return runtime.FuncForPC(pc).Name(), line + 1
}

func (j *journal) add(method, fn string, line int, key interface{}, removed bool) {
	j.Calls = append(j.Calls, call{Method: method, Func: fn, Line: line, Key: truth.AnyJSON(key), Removed: removed})
}

//go:noinline
func del(j *journal, m *sync.Map, key interface{}, had bool) {
	fn, line := next()
	m.Delete(key)
	j.add("Delete", fn, line, key, had)
}

//go:noinline
func loadAndDelete(j *journal, m *sync.Map, key interface{}) bool {
	fn, line := next()
	_, loaded := m.LoadAndDelete(key)
	j.add("LoadAndDelete", fn, line, key, loaded)
	return loaded
}

func check(what string, got, want bool) {
	if got != want {
		panic(fmt.Sprintf("%s: %v, should be %v", what, got, want))
	}
}

// --- keys ---

type point struct {
	X, Y int
}

type named string

type mixed struct {
	Name string
	Of   interface{}
	N    uint8
}

func keys() []interface{} {
	p := new(int)
	return []interface{}{
		nil, 0, 1, -7, 1 << 40, uint8(200), uint16(9), int32(-3), uint64(1) << 63, 2.5, float32(0.25), true, false, complex(1, -2),
		"", "a", "user:42", "a string that is longer than the sixty-four bytes which an event shows of it, whatever it says",
		named("a"), point{1, 2}, point{1, 3}, struct{}{}, [2]int{4, 5}, [0]int{}, [3]string{"x", "", "z"}, p, &point{1, 2},
		mixed{"m", 5, 1}, mixed{"m", "five", 1}, mixed{"m", nil, 1}, make(chan int), rune('x'), byte('x'), uintptr(77),
	}
}

// --- one goroutine ---

// promote makes a sync.Map of two maps move all entries into the one that is read without a lock.
func promote(m *sync.Map) {
	m.Range(func(k, v interface{}) bool { return true })
}

func everyKey(j *journal) {
	for _, promoted := range []bool{false, true} {
		var m sync.Map
		for _, k := range keys() {
			del(j, &m, k, false)
			m.Store(k, 1)
		}
		if promoted {
			promote(&m)
		}
		for i, k := range keys() {
			switch {
			case i == 25 || i == 26 || i == 30: // a new pointer or channel is another key
				check("a new pointer", loadAndDelete(j, &m, k), false)
			case i%2 == 0:
				check("LoadAndDelete", loadAndDelete(j, &m, k), true)
				check("LoadAndDelete again", loadAndDelete(j, &m, k), false)
			default:
				del(j, &m, k, true)
				del(j, &m, k, false)
			}
		}
	}
}

// sameHash deletes keys whose hashes are equal, because the hash of an interface does not depend on its type. A hash trie has
// them in one chain.
func sameHash(j *journal) {
	for first := 0; first < 4; first++ {
		var m sync.Map
		chain := []interface{}{int(5), int64(5), uint64(5), uint(5)}
		for _, k := range chain {
			m.Store(k, 1)
		}
		for i := range chain {
			k := chain[(first+i)%len(chain)]
			check("LoadAndDelete", loadAndDelete(j, &m, k), true)
			del(j, &m, k, false)
		}
	}
}

// twoMaps takes an entry of a sync.Map of two maps through all its states.
func twoMaps(j *journal) {
	var m sync.Map
	m.Store("a", 1)
	m.Store("b", 1)
	del(j, &m, "a", true) // in the dirty map only
	m.Store("a", 1)
	promote(&m)
	del(j, &m, "a", true) // in the read map: its pointer is nil now
	del(j, &m, "a", false)
	m.Store("c", 1) // a new dirty map is made, and "a" is expunged
	del(j, &m, "a", false)
	check("expunged", loadAndDelete(j, &m, "a"), false)
	m.Store("a", 2) // no longer expunged
	check("stored again", loadAndDelete(j, &m, "a"), true)
	for i := 0; i < 10; i++ { // the misses promote the dirty map
		m.Load("c")
		m.Load("not there")
	}
	del(j, &m, "c", true)
	del(j, &m, "not there", false)
}

func rangeAndDelete(j *journal) {
	var m sync.Map
	for i := 0; i < 300; i++ {
		m.Store(i, i)
	}
	n := 0
	m.Range(func(k, v interface{}) bool {
		if k.(int)%3 == 0 {
			del(j, &m, k, true)
			n++
		}
		return true
	})
	check("range", n == 100, true)
}

// --- ways to call ---

type deleter interface {
	Delete(key interface{})
}

//go:noinline
func byInterface(j *journal, d deleter, key interface{}, had bool) {
	fn, line := next()
	d.Delete(key)
	j.add("Delete", fn, line, key, had)
}

//go:noinline
func byValue(j *journal, f func(key interface{}), key interface{}, had bool) {
	fn, line := next()
	f(key)
	j.add("Delete", fn, line, key, had)
}

//go:noinline
func byDefer(j *journal, m *sync.Map, key interface{}, had bool) {
	fn, _ := next()
	defer m.Delete(key)
	j.add("Delete", fn, 0, key, had)
}

type embeds struct {
	n int
	sync.Map
}

//go:noinline
func byEmbedding(j *journal, e *embeds, key interface{}, had bool) {
	fn, line := next()
	e.Delete(key)
	j.add("Delete", fn, line, key, had)
}

func inlined(m *sync.Map, key interface{}) { m.Delete(key) }

//go:noinline
func byInlining(j *journal, m *sync.Map, key interface{}, had bool) {
	inlined(m, key)
	j.add("Delete", "main.inlined", 0, key, had)
}

//go:noinline
func deep(j *journal, m *sync.Map, key interface{}, n int) byte {
	var room [512]byte
	if n == 0 {
		del(j, m, key, true)
		return room[len(room)-1]
	}
	room[n%len(room)] = deep(j, m, key, n-1)
	return room[n/2]
}

func ways(j *journal) {
	var m sync.Map
	for i := 0; i < 8; i++ {
		m.Store(i, "x")
	}
	byInterface(j, &m, 0, true)
	byInterface(j, &m, 0, false)
	byValue(j, m.Delete, 1, true)
	byDefer(j, &m, 2, true)
	byInlining(j, &m, 3, true)
	deep(j, &m, 4, 200)
	e := &embeds{n: 1}
	e.Store("k", 1)
	byEmbedding(j, e, "k", true)
	byEmbedding(j, e, "k", false)
	func() {
		defer func() { recover() }()
		key := interface{}([]int{1})
		fn, line := next()
		defer func() { j.Calls = append(j.Calls, call{Method: "Delete", Func: fn, Line: line + 1, Panicked: true}) }()
		m.Delete(key)
	}()
}

// --- many goroutines ---

// concurrent lets goroutines store and delete the same keys. LoadAndDelete tells each what it removed.
func concurrent(kinds func(i int) interface{}) {
	const goroutines, rounds, wide = 8, 400, 24
	var m sync.Map
	var done sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		done.Add(1)
		go func(g int) {
			defer done.Done()
			j := newJournal()
			for i := 0; i < rounds; i++ {
				k := kinds((i*7 + g) % wide)
				m.Store(k, g)
				loadAndDelete(j, &m, kinds((i*5+g*3)%wide))
				if i%64 == 0 {
					promote(&m)
				}
				m.Load(kinds(wide + 1))
			}
		}(g)
	}
	done.Wait()
}

// own lets goroutines delete their own keys of a common map, from deep stacks too.
func own() {
	const goroutines, rounds = 16, 150
	var m sync.Map
	var done sync.WaitGroup
	for g := 0; g < goroutines; g++ {
		done.Add(1)
		go func(g int) {
			defer done.Done()
			j := newJournal()
			for i := 0; i < rounds; i++ {
				k := point{g, i}
				m.Store(k, i)
				if i%10 == 0 {
					deep(j, &m, k, i/10)
				} else {
					del(j, &m, k, true)
				}
				del(j, &m, k, false)
			}
		}(g)
	}
	done.Wait()
}

type document struct {
	Program  string     `json:"program"`
	PID      int        `json:"pid"`
	Go       string     `json:"go"`
	Journals []*journal `json:"journals"`
}

func write(file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	return json.NewEncoder(out).Encode(&document{"syncmap", os.Getpid(), runtime.Version(), journals})
}

func main() {
	now := flag.Bool("now", false, "do not wait for a line on stdin")
	file := flag.String("truth", "/dev/stdout", "write the truth to this file")
	flag.Parse()
	if !*now {
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	j := newJournal()
	everyKey(j)
	sameHash(j)
	twoMaps(j)
	rangeAndDelete(j)
	ways(j)
	for _, f := range later {
		f(j)
	}
	concurrent(func(i int) interface{} { return i })
	concurrent(func(i int) interface{} { return fmt.Sprint("key ", i) })
	own()
	if err := write(*file); err != nil {
		fmt.Fprintln(os.Stderr, "syncmap:", err)
		os.Exit(1)
	}
}
