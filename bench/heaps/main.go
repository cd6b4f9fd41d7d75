// A program whose heap is known, for bench/maps: it makes one of four heaps, collects garbage twice, says "ready", and waits for the
// end of standard input.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strconv"
)

type item struct {
	name string
	next *item
	n    [3]int
}

type node struct {
	left, right *node
	key, value  uint64
}

type service struct {
	sessions map[string]*item
	byID     map[int]*item
	labels   []map[string]string
}

var (
	maps  []map[int]*item
	trees []*node
	small []*service
	lists [2]*node
)

// 100,000 maps with 9 million objects.
func makeBig() {
	for i := 0; i < 100000; i++ {
		m := map[int]*item{}
		for j := 0; j < 45; j++ {
			m[j] = &item{name: "item" + strconv.Itoa(i*45+j)}
		}
		maps = append(maps, m)
	}
}

func link(nodes []*node) *node {
	if len(nodes) == 0 {
		return nil
	}
	middle := len(nodes) / 2
	nodes[middle].left, nodes[middle].right = link(nodes[:middle]), link(nodes[middle+1:])
	return nodes[middle]
}

// Ten trees of a million nodes each, which lie anywhere in the heap, and a thousand maps.
func makeTrees() {
	all := make([]*node, 10000000)
	for i := range all {
		all[i] = &node{key: uint64(i)}
	}
	rand.New(rand.NewSource(1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i := 0; i < 10; i++ {
		trees = append(trees, link(all[i*1000000:(i+1)*1000000]))
	}
	for i := 0; i < 1000; i++ {
		maps = append(maps, map[int]*item{i: {}})
	}
}

// Two lists of a million nodes, one in the order of addresses and one in none, and a thousand maps.
func makeLists() {
	all := make([]*node, 1000000)
	for i := range all {
		lists[0] = &node{key: uint64(i), right: lists[0]}
		all[i] = &node{key: uint64(i)}
	}
	rand.New(rand.NewSource(1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, n := range all {
		n.right = lists[1]
		lists[1] = n
	}
	for i := 0; i < 1000; i++ {
		maps = append(maps, map[int]*item{i: {}})
	}
}

// A service of a few megabytes with 700 maps.
func makeSmall() {
	for i := 0; i < 50; i++ {
		s := &service{sessions: map[string]*item{}, byID: map[int]*item{}}
		for j := 0; j < 200; j++ {
			it := &item{name: strconv.Itoa(j)}
			s.sessions[it.name], s.byID[j] = it, it
		}
		for j := 0; j < 12; j++ {
			s.labels = append(s.labels, map[string]string{"job": "a", "instance": strconv.Itoa(j)})
		}
		small = append(small, s)
	}
}

func main() {
	map[string]func(){"big": makeBig, "trees": makeTrees, "lists": makeLists, "small": makeSmall}[os.Args[1]]()
	runtime.GC()
	runtime.GC()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
	runtime.KeepAlive(maps)
	runtime.KeepAlive(trees)
	runtime.KeepAlive(small)
	runtime.KeepAlive(lists)
}
