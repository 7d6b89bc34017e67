package auth

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Failed sign-ins that are let through in a window: of an address, and of an address at a name that it has been signed in
// to. A name alone is never refused, or anybody could lock anybody out: when it is guessed at from many addresses, tries
// from addresses that it does not know have to wait, longer with each of them.
const (
	maxTries  = 10
	tryWindow = 5 * time.Minute
	maxDelay  = 10 * time.Second
	knownFor  = 90 * 24 * time.Hour
	maxKeys   = 10_000 // of each map, so that an attack does not take the memory
)

// guard slows guessing down. Whether an account exists makes no difference to it. It is safe for concurrent use.
type guard struct {
	mu    sync.Mutex
	tries map[string][]time.Time // that were not good, the oldest first
	known map[string]time.Time   // name and address of the last good sign-ins
}

func newGuard() guard {
	return guard{tries: map[string][]time.Time{}, known: map[string]time.Time{}}
}

// try is one sign-in. It counts as failed until it is known to be good: many at once would slip through otherwise.
type try struct {
	at    time.Time
	pair  string
	keys  []string
	delay time.Duration // to be waited before it is judged
}

// try counts a sign-in; ok is false when it is refused.
func (g *guard) try(name, remote string, now time.Time) (t try, ok bool) {
	name, remote = name[:min(len(name), 100)], network(remote)
	t = try{at: now, pair: "pair " + remote + " " + name}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trim(now)
	if at, known := g.known[t.pair]; known && now.Sub(at) < knownFor {
		t.keys = []string{t.pair}
	} else {
		t.keys = []string{"addr " + remote, "name " + name}
		t.delay = min(time.Duration(max(g.recent(t.keys[1], now)-maxTries+1, 0))*time.Second, maxDelay)
	}
	if g.recent(t.keys[0], now) >= maxTries {
		return t, false
	}
	for _, k := range t.keys {
		g.tries[k] = append(g.tries[k], now)
	}
	return t, true
}

// recent returns how many tries of the window are counted under a key.
func (g *guard) recent(key string, now time.Time) int {
	in := g.tries[key]
	for len(in) > 0 && (now.Sub(in[0]) >= tryWindow || len(in) > 10*maxTries) {
		in = in[1:]
	}
	if len(in) == 0 {
		delete(g.tries, key)
	} else {
		g.tries[key] = in
	}
	return len(in)
}

// trim makes room when there are too many keys.
func (g *guard) trim(now time.Time) {
	if len(g.tries) > maxKeys {
		for k := range g.tries {
			g.recent(k, now)
		}
		if len(g.tries) > maxKeys {
			clear(g.tries)
		}
	}
	if len(g.known) > maxKeys {
		maps.DeleteFunc(g.known, func(_ string, at time.Time) bool { return now.Sub(at) >= knownFor })
		if len(g.known) > maxKeys {
			clear(g.known)
		}
	}
}

// forgive takes a try back.
func (g *guard) forgive(t try) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range t.keys {
		if i := slices.Index(g.tries[k], t.at); i >= 0 {
			g.tries[k] = slices.Delete(g.tries[k], i, i+1)
		}
		if len(g.tries[k]) == 0 {
			delete(g.tries, k)
		}
	}
}

// welcome takes a good try back and remembers where it came from.
func (g *guard) welcome(t try) {
	g.forgive(t)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[t.pair] = t.at
}

// network returns what counts as one address: of IPv6 the first half, as one customer has all of the other.
func network(remote string) string {
	a, err := netip.ParseAddr(remote)
	if err != nil {
		return remote
	}
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
