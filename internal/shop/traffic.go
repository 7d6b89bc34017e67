package shop

import (
	"sync"
	"time"
)

// slowAnswer is the time from which an answer counts as bad for health.
const slowAnswer = 2 * time.Second

// traffic counts what a service answered in the last seconds.
type traffic struct {
	mu   sync.Mutex
	all  window
	bad  window
	seen int
}

func (t *traffic) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all, t.bad = newWindow(10*time.Second), newWindow(10*time.Second)
}

func (t *traffic) add(now time.Time, ok bool, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen++
	t.all.add(now, 1)
	if !ok || took > slowAnswer {
		t.bad.add(now, 1)
	}
}

// trafficState is the traffic of the last ten seconds and in all.
type trafficState struct{ recent, recentBad, total int }

func (t *traffic) state(now time.Time) trafficState {
	t.mu.Lock()
	defer t.mu.Unlock()
	return trafficState{recent: t.all.sum(now), recentBad: t.bad.sum(now), total: t.seen}
}

// healthy says whether at most one answer in twenty was an error or slow.
func (t trafficState) healthy() bool { return t.recentBad*20 <= t.recent }
