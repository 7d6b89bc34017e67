package id

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestIdentifiersSortByTimeAndNeverRepeat(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	var ids []string
	for i := range 1000 {
		ids = append(ids, New("pg", now.Add(time.Duration(i)*time.Millisecond)))
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Error("not sorted, or one twice")
	}
	if a, b := New("pg", now), New("pg", now); a == b {
		t.Error("the same within a millisecond")
	}
	for _, s := range append(ids[:3], Secret()) {
		if strings.ContainsAny(strings.TrimPrefix(s, "pg_"), "ilou_ABC") {
			t.Errorf("%q is hard to read aloud", s)
		}
	}
	if a, b := Secret(), Secret(); len(a) < 50 || a == b {
		t.Error("a secret that is short or known")
	}
}

func TestPrefix(t *testing.T) {
	for s, want := range map[string]string{"pg_123": "pg", "INC-7": "", "": "", "_x": "", "a_b_c": "a"} {
		if got := Prefix(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
