package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nightkeeper/internal/kit/errs"
)

// asked signs in by the clock of the bubble and returns how long the answer took, and whether it was refused unheard.
func (d *door) asked(name, password, remote string) (took time.Duration, ok, refused bool) {
	d.t.Helper()
	start := time.Now()
	_, _, err := d.SignIn(d.t.Context(), name, password, remote)
	if err != nil && !errs.Is(err, errs.Denied) {
		d.t.Fatal(err)
	}
	return time.Since(start), err == nil, err != nil && strings.Contains(err.Error(), "too many")
}

// bubble runs a test in virtual time, which stands still while passwords are hashed.
func bubble(t *testing.T, fn func(d *door)) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t)
		d.Service.now = time.Now
		d.log = slog.New(slog.DiscardHandler)
		fn(d)
	})
}

func TestGuessesOfAnAddressAreRefusedForAWhile(t *testing.T) {
	bubble(t, func(d *door) {
		for i := range maxTries {
			if took, ok, refused := d.asked(fmt.Sprint("name", i), "guess", "192.0.2.1"); ok || refused || took != 0 {
				t.Fatalf("guess %d: %s, %v, %v", i, took, ok, refused)
			}
		}
		if _, ok, refused := d.asked("mira", "secret", "192.0.2.1"); ok || !refused {
			t.Error("the address may go on")
		}
		if _, ok, _ := d.asked("mira", "secret", "192.0.2.2"); !ok {
			t.Error("another address may not")
		}
		time.Sleep(tryWindow) // of the bubble: no time passes outside
		if _, ok, _ := d.asked("mira", "secret", "192.0.2.1"); !ok {
			t.Error("the address may not go on after the window")
		}
	})
}

func TestNobodyIsLockedOutByGuessesOfOthers(t *testing.T) {
	bubble(t, func(d *door) {
		if _, ok, _ := d.asked("mira", "secret", "192.0.2.1"); !ok {
			t.Fatal("mira cannot sign in")
		}
		attack := func(name string) (last time.Duration) {
			for i := range 2*maxTries + 1 {
				var refused bool
				if last, _, refused = d.asked(name, "guess", fmt.Sprint("198.51.100.", i)); refused {
					t.Fatalf("guess %d from an address of its own is refused", i)
				}
			}
			return last
		}
		if last := attack("mira"); last != maxDelay {
			t.Errorf("guesses from many addresses wait %s in the end, want %s", last, maxDelay)
		}
		if took, ok, _ := d.asked("mira", "secret", "192.0.2.1"); !ok || took != 0 {
			t.Errorf("mira at home: %v after %s", ok, took)
		}
		if took, ok, _ := d.asked("mira", "secret", "203.0.113.9"); !ok || took != maxDelay {
			t.Errorf("mira abroad: %v after %s", ok, took)
		}
		if took, ok, _ := d.asked("mira", "secret", "203.0.113.9"); !ok || took != 0 {
			t.Errorf("mira abroad again: %v after %s", ok, took)
		}
		// A name that nobody has is slowed down alike: the wait tells nothing.
		if last := attack("nobody"); last != maxDelay {
			t.Errorf("guesses at nobody wait %s", last)
		}
	})
}

func TestAddressThatIsKnownCannotGuessForEverEither(t *testing.T) {
	bubble(t, func(d *door) {
		d.asked("mira", "secret", "192.0.2.1")
		for range maxTries {
			d.asked("mira", "guess", "192.0.2.1")
		}
		if _, _, refused := d.asked("mira", "guess", "192.0.2.1"); !refused {
			t.Error("it can")
		}
		time.Sleep(tryWindow) // of the bubble: no time passes outside
		if _, ok, _ := d.asked("mira", "secret", "192.0.2.1"); !ok {
			t.Error("and is refused for good")
		}
	})
}

func TestWaitEndsWithTheRequest(t *testing.T) {
	bubble(t, func(d *door) {
		for i := range 2*maxTries + 1 {
			d.asked("mira", "guess", fmt.Sprint("198.51.100.", i))
		}
		ctx, cancel := context.WithTimeout(d.t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, _, err := d.SignIn(ctx, "mira", "secret", "203.0.113.9"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestWhatCountsAsOneAddress(t *testing.T) {
	f := func(remote, want string) {
		t.Helper()
		if got := network(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
	f("192.0.2.1", "192.0.2.1")
	f("::ffff:192.0.2.1", "192.0.2.1")
	f("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")
	f("fe80::1%eth0", "fe80::/64")
	f("pipe", "pipe")
}

func TestGuardForgetsRatherThanGrows(t *testing.T) {
	g := newGuard()
	for i := range 3 * maxKeys {
		at := t0.Add(time.Duration(i) * time.Millisecond)
		if tr, ok := g.try(fmt.Sprint("n", i), fmt.Sprint("r", i), at); ok && i%2 == 0 {
			g.welcome(tr)
		}
		if len(g.tries) > maxKeys+2 || len(g.known) > maxKeys+1 {
			t.Fatalf("%d tries and %d known after %d", len(g.tries), len(g.known), i)
		}
	}
	for range 1000 {
		g.try("mira", fmt.Sprint(len(g.tries["name mira"])), t0)
	}
	if n := len(g.tries["name mira"]); n > 10*maxTries+1 {
		t.Errorf("%d tries of one name are kept", n)
	}
}
