// Package truth lets a test program write down what it did to its maps, so that a tracer's report can be compared with it.
//
// A program makes one Site for each place that deletes. The call of Before stands on the line directly above the delete, the call
// of After below it. Neither deletes anything from a map itself. The document's form is described in ../README.md.
package truth

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// keep is how many events of a site are written down one by one; the rest is only counted.
const keep = 48

// Frame is one function of a stack. A zero Line is not known and not compared.
type Frame struct {
	Func string `json:"func"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Event is one delete or clear.
type Event struct {
	Clear     bool            `json:"clear,omitempty"`
	Key       json.RawMessage `json:"key,omitempty"`
	Removed   bool            `json:"removed"`
	Panicked  bool            `json:"panicked,omitempty"`
	LenBefore int             `json:"len_before"`
	LenAfter  int             `json:"len_after"`
}

// Counts are what a tracer must have counted.
type Counts struct {
	Removed  int `json:"removed"`  // elements taken out by delete
	Missed   int `json:"missed"`   // deletes and clears that took nothing out
	Panicked int `json:"panicked"` // the part of Missed that panicked
	Clears   int `json:"clears"`   // clears that took something out
	Cleared  int `json:"cleared"`  // elements they took out
}

func (c *Counts) add(d Counts) {
	c.Removed += d.Removed
	c.Missed += d.Missed
	c.Panicked += d.Panicked
	c.Clears += d.Clears
	c.Cleared += d.Cleared
}

// Goroutine is one goroutine's part of a site's counts.
type Goroutine struct {
	ID int64 `json:"goid"` // 0: not known
	Counts
	// Of the removals of this goroutine, in a map that only it writes:
	FirstLenBefore int `json:"first_len_before"`
	LastLenAfter   int `json:"last_len_after"`
}

// Site is one place that deletes.
type Site struct {
	Case    string `json:"case"`
	KeyKind string `json:"key_kind"`
	MapType string `json:"map_type"`
	Frame
	// Alt are other names a tracer may give for Func (nothing but a compiler's wrapper stands on the stack).
	Alt []string `json:"func_alt,omitempty"`
	// Way is delete, clear, idiom, reflect or reflect clear. An idiom is one clear in an optimised build, and single deletes on
	// DeleteLine in others.
	Way        string `json:"way"`
	DeleteLine int    `json:"delete_line,omitempty"`
	Counts
	Goroutines []Goroutine `json:"goroutines"`
	// Events are the first ones in order; First and Last the first and the last removal. All absent when more than one goroutine
	// deletes here.
	Events   []Event `json:"events,omitempty"`
	Complete bool    `json:"events_complete"`
	First    *Event  `json:"first,omitempty"`
	Last     *Event  `json:"last,omitempty"`
	// Stack belongs to the first removal (to the first event when there is none), innermost first, without runtime.goexit.
	Stack []Frame `json:"stack,omitempty"`
	// OnStack says whether the map lived on the goroutine's stack.
	OnStack *bool `json:"on_stack,omitempty"`
	// GC says that the collector ran all the time.
	GC bool `json:"gc_pressure,omitempty"`

	ifaceKey     bool
	prefix       []Frame
	offset       int
	pendingStack []Frame
	pending      Event
	marked       uint32
	mu           sync.Mutex
	order        []int64
	perGoid      map[int64]*Goroutine
	goid         int64
	closed       bool
}

var (
	sites   []*Site
	sitesMu sync.Mutex
)

// New makes a site for maps of the type of m; m itself is not kept and may be a nil map.
func New(name, kind string, m interface{}) *Site {
	t := reflect.TypeOf(m)
	s := &Site{Case: name, KeyKind: kind, MapType: t.String(), Way: "delete", offset: 1, perGoid: map[int64]*Goroutine{}, Complete: true}
	s.ifaceKey = t.Key().Kind() == reflect.Interface
	sitesMu.Lock()
	sites = append(sites, s)
	sitesMu.Unlock()
	return s
}

// Inlined says that the delete stands in fns[0], called by fns[1] and so on, each with a body of one line, and that Before stands
// above the call of the last one.
func (s *Site) Inlined(fns ...interface{}) *Site {
	for _, fn := range fns {
		f := runtime.FuncForPC(reflect.ValueOf(fn).Pointer())
		file, line := f.FileLine(f.Entry())
		s.prefix = append(s.prefix, Frame{f.Name(), file, line + 1})
	}
	return s
}

// Here is the place of its call.
func Here() Frame {
	_, file, line, _ := runtime.Caller(1)
	return Frame{File: file, Line: line}
}

// InlinedAt is Inlined for a function that has no value of its own (a generic one), offset lines below a call of Here.
func (s *Site) InlinedAt(name string, at Frame, offset int) *Site {
	s.prefix = append(s.prefix, Frame{name, at.File, at.Line + offset})
	return s
}

// Through says that the delete stands in a function of the library, called on the line below Before.
func (s *Site) Through(way string, names ...string) *Site {
	s.Way = way
	for _, n := range names {
		s.prefix = append(s.prefix, Frame{Func: n})
	}
	return s
}

// Idiom says that the line below Before begins `for k := range m { delete(m, k) }`.
func (s *Site) Idiom() *Site {
	s.Way = "idiom"
	return s
}

// Offset says how many lines below Before the delete stands, when it is not 1.
func (s *Site) Offset(n int) *Site {
	s.offset = n
	return s
}

// Goid is the number of the calling goroutine.
func Goid() int64 {
	var buf [64]byte
	var id int64
	for _, c := range buf[len("goroutine "):runtime.Stack(buf[:], false)] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + int64(c-'0')
	}
	return id
}

// Callers is the stack of the caller's caller, without runtime.goexit.
func Callers(skip int) []Frame {
	pcs := make([]uintptr, 8192)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip+2, pcs)])
	var out []Frame
	for {
		f, more := frames.Next()
		if f.Function != "" && f.Function != "runtime.goexit" {
			out = append(out, Frame{f.Function, f.File, f.Line})
		}
		if !more {
			return out
		}
	}
}

// place notes where an event happens. The first event's stack stands until a removal's takes its place (record).
func (s *Site) place(stack []Frame) {
	stack[0].Line += s.offset
	stack = append(append([]Frame(nil), s.prefix...), stack...)
	s.pendingStack = stack
	if len(s.Events) == 0 {
		s.Stack = stack
	}
	s.Frame = stack[0]
	if s.Way == "idiom" {
		s.DeleteLine = s.Line + 1
	}
}

// Before is called on the line above the delete, with the map's length and the key.
//
//go:noinline
func (s *Site) Before(n int, key interface{}) {
	if s.First == nil {
		s.place(Callers(1))
	}
	s.note(n, key)
}

// BeforeIn is Before for a library function that calls the caller back on the line above its delete; depth is the number of
// callers between.
//
//go:noinline
func (s *Site) BeforeIn(depth, n int, key interface{}) {
	if s.First == nil {
		s.place(Callers(1 + depth))
	}
	s.note(n, key)
}

func (s *Site) note(n int, key interface{}) {
	s.pending = Event{LenBefore: n, Key: s.key(key)}
	s.begin()
}

// BeforeHere is Before on the line of the delete itself: the call runs from the same place as the delete, by defer.
//
//go:noinline
func (s *Site) BeforeHere(n int, key interface{}) {
	if s.First == nil {
		stack := Callers(1)
		stack[0].Line -= s.offset
		s.place(stack)
	}
	s.note(n, key)
}

// Len is the length of a map that another goroutine writes, read as late as can be.
//
//go:noinline
func Len(m interface{}) int { return reflect.ValueOf(m).Len() }

// AfterMap is After for a call that is deferred before the delete happens.
func (s *Site) AfterMap(m interface{}) { s.After(Len(m)) }

// BeforeNoKey is Before for a key that cannot be written down.
//
//go:noinline
func (s *Site) BeforeNoKey(n int) {
	if s.First == nil {
		s.place(Callers(1))
	}
	s.pending = Event{LenBefore: n}
	s.begin()
}

// BeforeClear is called on the line above a clear.
//
//go:noinline
func (s *Site) BeforeClear(n int) {
	if s.First == nil {
		s.place(Callers(1))
	}
	if s.Way == "delete" {
		s.Way = "clear"
	}
	s.pending = Event{LenBefore: n, Clear: true}
	s.begin()
}

func (s *Site) begin() {
	if s.closed {
		panic("truth: " + s.Case + ": event after the end")
	}
	s.goid = Goid()
}

// After is called below the delete or clear, with the map's length.
func (s *Site) After(n int) {
	e := s.pending
	e.LenAfter = n
	e.Removed = e.LenAfter < e.LenBefore
	s.record(e)
}

// AfterPanic is called when the delete panicked.
func (s *Site) AfterPanic(n int) {
	e := s.pending
	e.LenAfter = n
	e.Panicked = true
	s.record(e)
}

func (s *Site) record(e Event) {
	d := Counts{}
	switch {
	case e.Clear && e.LenAfter != 0, !e.Clear && e.LenBefore-e.LenAfter > 1, e.LenAfter > e.LenBefore:
		panic(fmt.Sprintf("truth: %s: %+v cannot be", s.Case, e))
	case !e.Removed:
		d.Missed = 1
		if e.Panicked {
			d.Panicked = 1
		}
	case e.Clear:
		d.Clears, d.Cleared = 1, e.LenBefore
	default:
		d.Removed = 1
	}
	if len(s.Events) < keep {
		s.Events = append(s.Events, e)
	} else {
		s.Complete = false
	}
	if e.Removed {
		last := e
		if s.First == nil {
			s.First = &last
			if s.pendingStack != nil {
				s.Stack = s.pendingStack
			}
		}
		s.Last = &last
	}
	g := s.Count(s.goid, d)
	if d.Removed > 0 {
		if g.Removed == 1 {
			g.FirstLenBefore = e.LenBefore
		}
		g.LastLenAfter = e.LenAfter
	}
}

// Mark is a cheap Before for a site where many goroutines delete: it only notes the place, once. Count tells the rest.
//
//go:noinline
func (s *Site) Mark() {
	if atomic.LoadUint32(&s.marked) == 0 {
		s.mark()
	}
}

//go:noinline
func (s *Site) mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.marked == 0 {
		stack := Callers(2)
		s.place(stack)
		s.Stack = nil
		s.Complete = false
		atomic.StoreUint32(&s.marked, 1)
	}
}

// Count adds what a goroutine did.
func (s *Site) Count(goid int64, d Counts) *Goroutine {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.perGoid[goid]
	if g == nil {
		g = &Goroutine{ID: goid}
		s.perGoid[goid] = g
		s.order = append(s.order, goid)
	}
	g.add(d)
	return g
}

// Own adds the removals and misses of the calling goroutine in maps of its own, for a site with Mark.
func (s *Site) Own(removed, missed, firstLenBefore, lastLenAfter int) {
	g := s.Count(Goid(), Counts{Removed: removed, Missed: missed})
	g.FirstLenBefore, g.LastLenAfter = firstLenBefore, lastLenAfter
}

func (s *Site) key(key interface{}) json.RawMessage {
	if s.ifaceKey {
		return []byte(ifaceJSON(reflect.ValueOf(key)))
	}
	return []byte(keyJSON(reflect.ValueOf(key)))
}

// document is what Write prints.
type document struct {
	Program    string  `json:"program"`
	PID        int     `json:"pid"`
	Go         string  `json:"go"`
	Arch       string  `json:"arch"`
	GOMAXPROCS int     `json:"gomaxprocs"`
	Totals     Counts  `json:"totals"`
	Cases      []*Site `json:"cases"`
}

// Write prints the document to a file, or to stdout when the name is empty. It fails when the document contradicts itself.
func Write(program, file string) error {
	d := document{Program: program, PID: os.Getpid(), Go: runtime.Version(), Arch: runtime.GOARCH, GOMAXPROCS: runtime.GOMAXPROCS(0)}
	places := map[string]string{}
	for _, s := range sites {
		s.closed = true
		for _, id := range s.order {
			s.Goroutines = append(s.Goroutines, *s.perGoid[id])
			s.Counts.add(s.perGoid[id].Counts)
		}
		if len(s.Goroutines) != 1 {
			s.Events, s.First, s.Last, s.Complete = nil, nil, nil, false
		}
		if s.Func == "" {
			return fmt.Errorf("truth: %s: no place", s.Case)
		}
		if !strings.HasPrefix(s.Func, "reflect.") {
			place := fmt.Sprintf("%s %s:%d", s.Func, s.File, s.Line)
			for _, f := range s.Stack {
				if strings.HasPrefix(f.Func, "main.") {
					place = fmt.Sprintf("%s %s:%d", f.Func, f.File, f.Line)
					break
				}
			}
			if other := places[place]; other != "" {
				return fmt.Errorf("truth: %s and %s stand both at %s", s.Case, other, place)
			}
			places[place] = s.Case
		}
		d.Totals.add(s.Counts)
		d.Cases = append(d.Cases, s)
	}
	out := os.Stdout
	if file != "" {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(&d)
}
