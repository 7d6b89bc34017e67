package page

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func secs(n int) time.Time { return t0.Add(time.Duration(n) * time.Second) }

// note is a notification about a page to one contact, queued at a second; out is when it went out, -1 when it waits.
func note(id, pageID string, at, out int) Notification {
	n := Notification{ID: NotificationID(id), Page: ID(pageID), Person: "mira", Channel: "sms", Address: "+49301234567", Delivery: Queued, At: secs(at)}
	if out >= 0 {
		n.OutAt, n.Delivery = secs(out), Sent
	}
	return n
}

func ids(ns []Notification) (out []NotificationID) {
	for _, n := range ns {
		out = append(out, n.ID)
	}
	return out
}

func TestTurnOfANotification(t *testing.T) {
	out := func(n, at int) (ns []Notification) {
		for i := range n {
			ns = append(ns, note(fmt.Sprint("out", i), fmt.Sprint("pg", i), at+i, at+i))
		}
		return ns
	}
	waiting := func(n int) (ns []Notification) {
		for i := range n {
			ns = append(ns, note(fmt.Sprint("wait", i), fmt.Sprint("new", i), 50-i, -1))
		}
		return ns
	}
	other := out(9, 0)
	for i := range other {
		other[i].Address = "+49307654321"
	}
	f := func(what string, n Notification, others []Notification, now int, wait time.Duration, with int) {
		t.Helper()
		got := turnOf(n, others, secs(now))
		if wait < 0 {
			if !got.wait.IsZero() {
				t.Errorf("%s: waits until %s", what, got.wait)
			}
		} else if !got.wait.Equal(t0.Add(wait)) {
			t.Errorf("%s: waits until %s", what, got.wait)
		}
		if len(got.with) != with {
			t.Errorf("%s: with %v", what, ids(got.with))
		}
	}
	n := note("n", "pgN", 20, -1)
	const atOnce = -1
	f("the first of a night", n, nil, 20, atOnce, 0)
	f("the fifth within a minute", n, out(4, 0), 20, atOnce, 0)
	f("the sixth waits until the first is a minute old", n, out(5, 0), 20, time.Minute, 0)
	f("the seventh as well", n, out(6, 0), 20, 61*time.Second, 0)
	f("a minute later there is room", n, out(5, 0), 65, atOnce, 0)
	f("other contacts do not count", n, other, 20, atOnce, 0)
	f("a few that wait go alone, one after the other", n, waiting(4), 20, atOnce, 0)
	f("many that wait go in one message", n, waiting(5), 20, atOnce, 5)
	f("many that wait have to wait for room", n, append(out(5, 0), waiting(9)...), 20, time.Minute, 0)
	f("and go then", n, append(out(5, 0), waiting(9)...), 61, atOnce, 9)
	again := note("n", "pg0", 20, -1)
	f("a repeat leaves room for what is not known", again, out(3, 0), 20, time.Minute, 0)
	f("a repeat goes when there is room", again, out(2, 0), 20, atOnce, 0)
	f("a repeat in a storm of what is not known goes with it", again, append(out(3, 0), waiting(9)...), 20, atOnce, 9)

	tried := note("n", "pgN", 20, -1)
	tried.OutAt = secs(21)
	member := note("m", "pg1", 20, -1)
	member.In, member.OutAt = "n", secs(21)
	f("what was tried before goes out as it was", tried, append(out(9, 0), append(waiting(9), member)...), 30, atOnce, 1)
}

// Whatever comes in whatever order: nobody gets more than burst messages a minute by one contact, and everything goes out.
func TestStormIsBoundedAndNothingIsLost(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var all []Notification
		var messages []time.Time
		next := 0
		for sec := 0; sec < 600; sec++ {
			if sec < 300 && rng.IntN(3) == 0 {
				for range rng.IntN(8) {
					all = append(all, note(fmt.Sprint("n", next), fmt.Sprint("pg", rng.IntN(40)), sec, -1))
					next++
				}
			}
			for i := range all {
				if all[i].Delivery != Queued || all[i].In != "" {
					continue
				}
				turn := turnOf(all[i], all, secs(sec))
				if !turn.wait.IsZero() {
					if !turn.wait.After(secs(sec)) {
						t.Fatalf("waits for what is over: %s at %s", turn.wait, secs(sec))
					}
					continue
				}
				all[i].Delivery, all[i].OutAt = Sent, secs(sec)
				messages = append(messages, secs(sec))
				for _, w := range turn.with {
					for k := range all {
						if all[k].ID == w.ID {
							all[k].In, all[k].OutAt, all[k].Delivery = all[i].ID, secs(sec), Sent
						}
					}
				}
			}
		}
		for i, m := range messages {
			if i >= burst && m.Sub(messages[i-burst]) < within {
				t.Fatalf("seed %d: messages %d to %d are within a minute", seed, i-burst, i)
			}
		}
		for _, n := range all {
			if n.Delivery == Queued {
				t.Fatalf("seed %d: lost %+v", seed, n)
			}
			if late := n.OutAt.Sub(n.At); late > within+2*time.Second {
				t.Fatalf("seed %d: %s waited for %s", seed, n.ID, late)
			}
		}
	}
}
