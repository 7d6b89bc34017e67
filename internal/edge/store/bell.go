package store

import (
	"math"
	"sync"
	"time"
)

// bell wakes one loop when a commit of this process has something for it. Without bells every commit would wake every loop,
// and each would ask the database for nothing.
type bell struct {
	kinds map[string]bool
	ring  chan struct{} // holds one ring, so that none is lost while the loop looks

	mu    sync.Mutex
	sleep int64 // until when the loop sleeps if nothing rings, in microseconds
}

// news is what a commit has for the loops: kinds of facts and of jobs, with when the first job of each kind is due.
type news struct {
	facts map[string]bool
	jobs  map[string]int64
	all   bool // look, whatever you wait for
}

func (n *news) fact(kind string) {
	if n.facts == nil {
		n.facts = map[string]bool{}
	}
	n.facts[kind] = true
}

func (n *news) job(kind string, due int64) {
	if n.jobs == nil {
		n.jobs = map[string]int64{}
	}
	if first, some := n.jobs[kind]; !some || due < first {
		n.jobs[kind] = due
	}
}

func (n *news) add(o news) {
	for k := range o.facts {
		n.fact(k)
	}
	for k, due := range o.jobs {
		n.job(k, due)
	}
	n.all = n.all || o.all
}

// none reports whether the commit has nothing for anybody.
func (n *news) none() bool { return len(n.facts) == 0 && len(n.jobs) == 0 && !n.all }

// bells are those of the loops of this process.
type bells struct {
	mu  sync.Mutex
	all map[*bell]bool
}

// hang returns a bell for kinds of facts and jobs; take it down when the loop ends.
func (b *bells) hang(kinds []string) (out *bell, down func()) {
	out = &bell{kinds: map[string]bool{}, ring: make(chan struct{}, 1), sleep: math.MaxInt64}
	for _, k := range kinds {
		out.kinds[k] = true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[*bell]bool{}
	}
	b.all[out] = true
	return out, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.all, out)
	}
}

// tell rings the bells of those who want to know.
func (b *bells) tell(n news) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.all {
		if n.all || l.wants(n) {
			select {
			case l.ring <- struct{}{}:
			default:
			}
		}
	}
}

func (l *bell) wants(n news) bool {
	for k := range n.facts {
		if l.kinds[k] {
			return true
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, due := range n.jobs {
		if l.kinds[k] && due < l.sleep {
			return true
		}
	}
	return false
}

// awake says that the loop is about to look: from now on everything rings. Otherwise what is committed between its look
// and its sleep would be measured against the sleep before.
func (l *bell) awake() { l.set(math.MaxInt64) }

// asleep says until when the loop sleeps; what is due later need not wake it. Zero is for ever.
func (l *bell) asleep(until time.Time) {
	if until.IsZero() {
		l.awake()
		return
	}
	l.set(micros(until))
}

func (l *bell) set(at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sleep = at
}
