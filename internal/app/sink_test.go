package app

import (
	"testing"
	"time"

	"nightkeeper/internal/loop/observe"
)

func TestSpansOfWrongClocksAreCountedWhenTheyArrive(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	f := func(what string, start time.Time, want time.Time, counted bool) {
		t.Helper()
		in := []observe.Span{{Service: "a", Start: now.Add(-time.Minute), Duration: time.Second}, {Service: "b", Start: start, Duration: time.Second}}
		out := arrived(in, now)
		if !in[1].Start.Equal(start) {
			t.Errorf("%s: the span itself was changed", what)
		}
		if !counted {
			if len(out) != 1 || out[0].Service != "a" {
				t.Errorf("%s: %+v", what, out)
			}
			return
		}
		if len(out) != 2 || !out[1].Start.Equal(want) {
			t.Errorf("%s: %+v, want a start at %s", what, out, want)
		}
	}
	f("right", now.Add(-time.Second), now.Add(-time.Second), true)
	f("a little ahead", now.Add(500*time.Millisecond), now.Add(-time.Second), true)
	f("a day ahead", now.Add(24*time.Hour), now.Add(-time.Second), true)
	f("an hour late", now.Add(-time.Hour), now.Add(-time.Hour), true)
	f("a year old", now.Add(-365*24*time.Hour), time.Time{}, false)
	f("before anything", time.Unix(0, 0), time.Time{}, false)
}
