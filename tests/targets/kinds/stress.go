package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"targets/truth"
)

// Many deletes, where a probe in the wrong place counts too much or loses some.

func stress(scale int) {
	growing()
	growingString()
	bigMap()
	churn()
	goroutines()
	deepStack()
	growingStacks(scale)
	underGC(scale)
	manyProcs(scale)
	sharedMap(scale)
}

//go:noinline
func deleteWhileGrowing(s *truth.Site, m map[int]*item, k int) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

// The insert before the first delete makes the map grow (a classic one, to 2048 buckets; every delete then moves some of the old).
func growing() {
	m := map[int]*item{}
	for i := 0; i <= 6656; i++ {
		m[i] = itemAt(i % 256)
	}
	s := truth.New("Growing", "int", m)
	for i := 0; i < 400; i++ {
		deleteWhileGrowing(s, m, i*17)
	}
}

//go:noinline
func deleteStringWhileGrowing(s *truth.Site, m map[string]int, k string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

// The same at every size: deletes between inserts.
func growingString() {
	m := map[string]int{}
	s := truth.New("GrowingString", "string", m)
	for i := 0; i < 3000; i++ {
		m[strconv.Itoa(i)] = i
		if i%5 == 4 {
			deleteStringWhileGrowing(s, m, strconv.Itoa(i-3))
		}
	}
}

//go:noinline
func deleteFromBig(s *truth.Site, m map[uint64]uint64, k uint64) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

// More than one table of a Swiss map.
func bigMap() {
	m := map[uint64]uint64{}
	for i := uint64(0); i < 50000; i++ {
		m[i*i] = i
	}
	s := truth.New("BigMap", "uint64", m)
	for i := uint64(0); i < 3000; i++ {
		deleteFromBig(s, m, i*i*4)
	}
}

//go:noinline
func deleteInChurn(s *truth.Site, m map[string]*item, k string) {
	s.Before(len(m), k)
	delete(m, k)
	s.After(len(m))
}

// Always the same number of elements, always other ones: overflow buckets and tombstones.
func churn() {
	m := map[string]*item{}
	s := truth.New("Churn", "string", m)
	for i := 0; i < 3000; i++ {
		m[fmt.Sprintf("session:%d", i)] = nil
		if i >= 900 {
			deleteInChurn(s, m, fmt.Sprintf("session:%d", i-900))
		}
	}
}

//go:noinline
func deleteInGoroutine(s *truth.Site, m map[int]int, lo, hi int) {
	for k := lo; k < hi; k++ {
		s.Mark()
		delete(m, k)
	}
}

func goroutines() {
	s := truth.New("Goroutines", "int", map[int]int(nil))
	var wg sync.WaitGroup
	for g := 1; g <= 20; g++ {
		wg.Add(1)
		go func(g int) {
			defer wg.Done()
			m := numbers(100)
			deleteInGoroutine(s, m, 50, 50+10*g) // from g = 6 on there are misses
			removed := 100 - len(m)
			s.Own(removed, 10*g-removed, 100, len(m))
		}(g)
	}
	wg.Wait()
}

//go:noinline
func deleteDeep(s *truth.Site, m map[int]int32, k int) byte {
	var pad [900]byte
	pad[k%len(pad)] = byte(k)
	if k%500 == 0 {
		s.Before(len(m), k)
		delete(m, k)
		s.After(len(m))
	}
	if k > 0 {
		pad[0] += deleteDeep(s, m, k-1)
	}
	return pad[k%len(pad)]
}

// A stack of thousands of frames.
func deepStack() {
	m := map[int]int32{}
	for i := 0; i <= 5000; i += 1000 {
		m[i] = 1
	}
	s := truth.New("DeepStack", "int", m)
	done := make(chan bool)
	go func() {
		deleteDeep(s, m, 5000)
		close(done)
	}()
	<-done
}

// Frames of different sizes, so that over many goroutines the stack runs out at every place, also in the middle of a delete.

//go:noinline
func growSmall(s *truth.Site, m map[int]int64, k int) {
	s.Mark()
	delete(m, k)
	if k > 0 {
		growSmall(s, m, k-1)
	}
}

//go:noinline
func growMiddle(s *truth.Site, m map[int32]int, k int32) byte {
	var pad [136]byte
	pad[int(k)%len(pad)] = byte(k)
	s.Mark()
	delete(m, k)
	if k > 0 {
		pad[1] = growMiddle(s, m, k-1)
	}
	return pad[int(k)%len(pad)]
}

//go:noinline
func growBig(s *truth.Site, m map[string]int64, k int) byte {
	var pad [1000]byte
	pad[k%len(pad)] = byte(k)
	name := "key"
	if k < len(digits) {
		name = digits[k]
	}
	s.Mark()
	delete(m, name)
	if k > 0 {
		pad[1] = growBig(s, m, k-1)
	}
	return pad[k%len(pad)]
}

//go:noinline
func growGeneric(s *truth.Site, m map[int8]int64, k int8) byte {
	var pad [48]byte
	pad[int(k)%len(pad)] = byte(k)
	s.Mark()
	delete(m, k)
	if k > 0 {
		pad[1] = growGeneric(s, m, k-1)
	}
	return pad[int(k)%len(pad)]
}

var digits [50]string

func growingStacks(scale int) {
	for i := range digits {
		digits[i] = strconv.Itoa(i)
	}
	small := truth.New("GrowSmall", "int", map[int]int64(nil))
	middle := truth.New("GrowMiddle", "int32", map[int32]int(nil))
	big := truth.New("GrowBig", "string", map[string]int64(nil))
	generic := truth.New("GrowGeneric", "int8", map[int8]int64(nil))
	var wg sync.WaitGroup
	for g := 0; g < 400*scale; g++ {
		wg.Add(1)
		go func(g int) {
			defer wg.Done()
			const n = 40 // elements; n+5 deletes
			switch g % 4 {
			case 0:
				m := make(map[int]int64, n)
				for i := 0; i < n; i++ {
					m[i] = 1
				}
				growSmall(small, m, n+4)
				small.Own(n-len(m), n+5-(n-len(m)), n, len(m))
			case 1:
				m := make(map[int32]int, n)
				for i := int32(0); i < n; i++ {
					m[i] = 1
				}
				growMiddle(middle, m, n+4)
				middle.Own(n-len(m), n+5-(n-len(m)), n, len(m))
			case 2:
				m := make(map[string]int64, n)
				for i := 0; i < n; i++ {
					m[digits[i]] = 1
				}
				growBig(big, m, n+4)
				big.Own(n-len(m), n+5-(n-len(m)), n, len(m))
			case 3:
				m := make(map[int8]int64, n)
				for i := int8(0); i < n; i++ {
					m[i] = 1
				}
				growGeneric(generic, m, n+4)
				generic.Own(n-len(m), n+5-(n-len(m)), n, len(m))
			}
		}(g)
		if g%64 == 63 {
			wg.Wait()
		}
	}
	wg.Wait()
}

//go:noinline
func deleteUnderGC(s *truth.Site, m map[int]*item, k int) {
	s.Mark()
	delete(m, k)
}

//go:noinline
func deleteStringUnderGC(s *truth.Site, m map[string]*item, k string) {
	s.Mark()
	delete(m, k)
}

var garbage [4]*[64]*item

// underGC deletes pointers while the collector marks nearly all the time.
func underGC(scale int) {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	ints := truth.New("UnderGC", "int", map[int]*item(nil))
	strings := truth.New("UnderGCString", "string", map[string]*item(nil))
	ints.GC, strings.GC = true, true
	stop := make(chan bool)
	var makers, wg sync.WaitGroup
	// Much to mark, so that the collector spends its time in the mark phase.
	live := make([]*item, 400000)
	for i := range live {
		live[i] = &item{id: i}
	}
	defer runtime.KeepAlive(live)
	// And it never rests; nobody deletes before it has begun.
	makers.Add(1)
	begun := make(chan bool)
	go func() {
		defer makers.Done()
		close(begun)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for g := range garbage {
		makers.Add(1)
		go func(g int) {
			defer makers.Done()
			for {
				select {
				case <-stop:
					return
				default:
					p := new([64]*item)
					for i := range p {
						p[i] = &item{id: i}
					}
					garbage[g] = p
					runtime.Gosched()
				}
			}
		}(g)
	}
	<-begun
	for g := 0; g < 4; g++ {
		wg.Add(2)
		go func() {
			defer wg.Done()
			removed, n := 0, 0
			m := map[int]*item{}
			for i := 0; i < 2000*scale; i++ {
				if i%32 == 0 {
					runtime.Gosched()
				}
				m[i] = &item{id: i}
				if i >= 200 {
					n = len(m)
					deleteUnderGC(ints, m, i-200)
					removed += n - len(m)
				}
			}
			ints.Own(removed, 0, 201, 200)
		}()
		go func() {
			defer wg.Done()
			removed := 0
			m := map[string]*item{}
			for i := 0; i < 2000*scale; i++ {
				if i%32 == 0 {
					runtime.Gosched()
				}
				m[strconv.Itoa(i)] = &item{id: i}
				if i >= 100 {
					n := len(m)
					deleteStringUnderGC(strings, m, strconv.Itoa(i-100))
					removed += n - len(m)
				}
			}
			strings.Own(removed, 0, 101, 100)
		}()
	}
	wg.Wait()
	close(stop)
	makers.Wait()
}

//go:noinline
func deleteOnManyProcs(s *truth.Site, m map[uint32]struct{ A, B int }, k uint32) {
	s.Mark()
	delete(m, k)
}

// More threads run Go code than there are cores, and more goroutines than threads.
func manyProcs(scale int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8 * runtime.NumCPU()))
	s := truth.New("ManyProcs", "uint32", map[uint32]struct{ A, B int }(nil))
	n := uint32(250 * scale)
	var wg sync.WaitGroup
	start := make(chan bool)
	for g := 0; g < 64; g++ {
		wg.Add(1)
		go func(g int) {
			defer wg.Done()
			m := map[uint32]struct{ A, B int }{}
			for i := uint32(0); i < n; i++ {
				m[i] = struct{ A, B int }{g, int(i)}
			}
			<-start
			for i := uint32(0); i < n+20; i++ {
				deleteOnManyProcs(s, m, i)
				if i%100 == 99 {
					time.Sleep(time.Microsecond)
				}
			}
			s.Own(int(n)-len(m), 20, int(n), len(m))
		}(g)
	}
	close(start)
	wg.Wait()
}

//go:noinline
func deleteShared(s *truth.Site, mu *sync.Mutex, m map[string]uint64, k string) bool {
	mu.Lock()
	defer mu.Unlock()
	n := len(m)
	s.Mark()
	delete(m, k)
	return len(m) < n
}

// One map under a lock: who removes an element is a matter of luck, but each goroutine knows what it did.
func sharedMap(scale int) {
	m := map[string]uint64{}
	n := 600 * scale
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("shared:%d", i)
		m[keys[i]] = uint64(i)
	}
	s := truth.New("Shared", "string", m)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := 0; g < 5; g++ {
		wg.Add(1)
		go func(g int) {
			defer wg.Done()
			removed, missed := 0, 0
			for i := range keys {
				if deleteShared(s, &mu, m, keys[(i*7+g*11)%n]) {
					removed++
				} else {
					missed++
				}
				if i%16 == g {
					runtime.Gosched()
				}
			}
			s.Count(truth.Goid(), truth.Counts{Removed: removed, Missed: missed})
		}(g)
	}
	wg.Wait()
	if len(m) != 0 {
		panic("the shared map is not empty")
	}
}
