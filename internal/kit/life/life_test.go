package life

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

func TestPartsStopInReverseAndAllOfThem(t *testing.T) {
	var log []string
	part := func(name string, start, stop error) Part {
		return Part{name, func(context.Context) error { log = append(log, "start "+name); return start }, func(context.Context) error { log = append(log, "stop "+name); return stop }}
	}
	bad := errors.New("bad")
	var g Group
	for _, p := range []Part{part("a", nil, nil), part("b", nil, bad), {Name: "bare"}, part("c", bad, nil)} {
		if err := g.Start(t.Context(), p); (err != nil) != (p.Name == "c") {
			t.Errorf("start %s: %v", p.Name, err)
		}
	}
	if err := g.Stop(t.Context()); !errors.Is(err, bad) || !strings.Contains(err.Error(), "stop b: bad") {
		t.Errorf("stop: %v", err)
	}
	if err := g.Stop(t.Context()); err != nil {
		t.Errorf("stop again: %v", err)
	}
	if want := []string{"start a", "start b", "start c", "stop b", "stop a"}; !slices.Equal(log, want) {
		t.Errorf("got %v, want %v", log, want)
	}
}

func TestLoopGoesOnAfterAnErrorAndAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		p := Loop("x", quiet, func(ctx context.Context) error {
			switch at = append(at, time.Since(begin)); len(at) {
			case 1:
				return errors.New("no")
			case 2:
				panic("oh")
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // virtual
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []time.Duration{0, time.Second, 2 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("ran at %v, want %v", at, want)
		}
	})
}

func TestStopOfALoopThatDoesNotEndHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		p := Loop("x", quiet, func(context.Context) error { <-let; return nil })
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it runs
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(let)
		synctest.Wait()
	})
}
